from django.urls import path

from agents import chat_urls
from agents.views import (
    activity,
    agents,
    comparing,
    conversations,
    correcting,
    inspector,
    pairs,
    passages,
    playground,
    rating,
    receipts,
    sources,
    trying,
)
from agents.views import turns as turn_pages

app_name = "agents"
urlpatterns = [
    *chat_urls.urlpatterns,
    path("w/<slug:slug>/agents/", agents.agent_list, name="list"),
    path("w/<slug:slug>/agents/new/", agents.create, name="create"),
    path("w/<slug:slug>/agents/change-models/", agents.change_models, name="change_models"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/", agents.agent_page, name="agent"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/delete/", agents.delete, name="delete"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/sources/new/", sources.add_text, name="add_text"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/sources/files/", sources.add_files, name="add_files"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/sources/website/", sources.add_website, name="add_website"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/sources/progress/", sources.progress, name="source_progress"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/sources/questions/", pairs.import_pairs, name="import_pairs"),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/questions/import/",
        pairs.confirm_import,
        name="confirm_import",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/<uuid:source_id>/", sources.edit_text, name="edit_text"
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/<uuid:source_id>/train/",
        sources.train_again,
        name="train_again",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/<uuid:source_id>/cancel/",
        sources.cancel,
        name="cancel_training",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/<uuid:source_id>/delete/",
        sources.delete_text,
        name="delete_text",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/sources/<uuid:source_id>/restore/",
        sources.restore_source,
        name="restore_source",
    ),
    path("w/<slug:slug>/agents/<uuid:agent_id>/questions/new/", pairs.add_qa, name="add_qa"),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/questions/<uuid:qa_id>/change/",
        pairs.change_qa,
        name="change_qa",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/questions/<uuid:qa_id>/delete/",
        pairs.delete_qa,
        name="delete_qa",
    ),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/questions/removed/<uuid:removed_id>/restore/",
        pairs.restore_qa,
        name="restore_qa",
    ),
    path("w/<slug:slug>/agents/<uuid:agent_id>/playground/", playground.page, name="playground"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/playground/try/", trying.try_settings, name="try"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/playground/try/keep/", trying.keep, name="keep_tried"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/playground/try/end/", trying.end, name="end_trial"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/compare/", comparing.compare, name="compare"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/compare/send/", comparing.send, name="compare_send"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/use-local/", playground.use_local, name="use_local"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/inspect/", inspector.inspect, name="inspect"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/", receipts.receipt, name="receipt"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/prompt/", inspector.sent, name="prompt"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/sources/<int:number>/", passages.passage, name="passage"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/text/", turn_pages.text, name="reply_text"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/versions/", turn_pages.versions, name="versions"),
    path("w/<slug:slug>/agents/<uuid:agent_id>/activity/", activity.page, name="activity"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/rating/", rating.rate, name="rate"),
    path("w/<slug:slug>/replies/<uuid:reply_id>/correct/", correcting.correct, name="correct"),
    path(
        "w/<slug:slug>/agents/<uuid:agent_id>/questions/<uuid:qa_id>/",
        correcting.corrected,
        name="corrected",
    ),
    path("w/<slug:slug>/conversations/", conversations.conversation_list, name="conversations"),
    path("w/<slug:slug>/conversations/<uuid:conversation_id>/", conversations.page, name="conversation"),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/title/",
        conversations.rename,
        name="rename_conversation",
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/pin/", conversations.pin, name="pin_conversation"
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/unpin/",
        conversations.unpin,
        name="unpin_conversation",
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/delete/",
        conversations.delete,
        name="delete_conversation",
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/restore/",
        conversations.restore,
        name="restore_conversation",
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/export.md",
        conversations.export_markdown,
        name="export_conversation_markdown",
    ),
    path(
        "w/<slug:slug>/conversations/<uuid:conversation_id>/export.json",
        conversations.export_json,
        name="export_conversation_json",
    ),
]
