"""The addresses of sending, watching and stopping a reply.

They are a URLconf of their own, because the server's express lane (bookbag/server/express.py) searches it for each
message before any middleware runs.
"""

from django.urls import path

from agents.views import chat

urlpatterns = [
    path("w/<slug:slug>/agents/<uuid:agent_id>/messages/", chat.send_message, name="send_message"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/stream/", chat.stream, name="stream"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/stop/", chat.stop, name="stop"),
]
