"""A provider double: one process that speaks OpenAI chat completions and Anthropic messages over HTTP.

A *call* is one request of a client and what became of it; a *reply* is the text the double means to say and
its pace; an *answer* is the bytes on the wire, as *steps* that fall due one after the other; a *mode* is a way
of behaving, and a *script* tells the next calls which mode to take. It is as strict as the services: *rules* (data,
with their sources) say what each *family* of models takes, the *roster* knows the models and the day, *checks* hold
a request against both, and a *refusal* is an error in the provider's own words. The double is for tests and for trying the
product out by hand: it listens on loopback only and bears no relation to a real account.
"""
