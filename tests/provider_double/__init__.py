"""A provider double: one process that speaks OpenAI chat completions and Anthropic messages over HTTP.

A *call* is one request of a client and how it ended. A *reply* is the text that the double is to say, and its pace. An
*answer* is the bytes on the wire, as *steps* that fall due one after the other. A *mode* is a way of behaving, and a
*script* sets the mode of the next calls. The double is as strict as the services: *rules* (data, with their sources) say
what each *family* of models takes, the *roster* knows the models and the day, *checks* test a request against both, and a
*refusal* is an error in the provider's own words. The double is for tests and for trying the product out by hand: it
listens on loopback only and has nothing to do with a real account.
"""
