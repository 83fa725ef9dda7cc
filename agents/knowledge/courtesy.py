"""What is said to a greeting or to thanks, and how a near answer is introduced; in the language of the question."""

import re

from agents.knowledge import terms
from agents.knowledge.folding import fold

_GREETINGS = {
    "english": "hello|hi|hey|hi there|hello there|hey there|good morning|good afternoon|good evening|good day|greetings|howdy",
    "german": "hallo|guten tag|guten morgen|guten abend|gruss gott|gruezi|moin|servus|hallo zusammen",
    "french": "bonjour|salut|bonsoir|coucou",
    "spanish": "hola|buenos dias|buenas tardes|buenas noches|buenas",
    "turkish": "merhaba|selam|iyi gunler|gunaydin|iyi aksamlar|merhabalar|selamlar",
    "arabic": "مرحبا|السلام عليكم|اهلا|صباح الخير|مساء الخير|سلام",
    "japanese": "こんにちは|こんばんは|おはよう|おはようございます|はじめまして",
    "chinese": "你好|您好|早上好|晚上好|嗨|大家好",
}
_THANKS = {
    "english": "thanks|thank you|thx|many thanks|thanks a lot|thank you very much|thank you so much|great thanks|ok thanks|cheers",
    "german": "danke|vielen dank|danke schon|danke dir|besten dank|herzlichen dank|danke sehr",
    "french": "merci|merci beaucoup|merci bien",
    "spanish": "gracias|muchas gracias|mil gracias",
    "turkish": "tesekkurler|tesekkur ederim|sagol|sag olun|cok tesekkurler",
    "arabic": "شكرا|شكرا لك|شكرا جزيلا",
    "japanese": "ありがとう|ありがとうございます|どうも|どうもありがとう",
    "chinese": "谢谢|多谢|谢谢你|非常感谢",
}
_HELLO = {
    "english": "Hello! Ask me something, and I answer from my sources.",
    "german": "Hallo! Fragen Sie mich etwas, ich antworte aus meinen Quellen.",
    "french": "Bonjour ! Posez-moi une question, je réponds à partir de mes sources.",
    "spanish": "¡Hola! Pregúnteme algo y le respondo a partir de mis fuentes.",
    "turkish": "Merhaba! Bana bir soru sorun, kaynaklarımdan yanıtlayayım.",
    "arabic": "مرحبًا! اسألني وسأجيبك من مصادري.",
    "japanese": "こんにちは。ご質問をどうぞ。手元の資料からお答えします。",
    "chinese": "您好！请提问，我会根据我的资料来回答。",
}
_WELCOME = {
    "english": "You're welcome. Ask me whenever there is something else.",
    "german": "Gern geschehen. Fragen Sie jederzeit weiter.",
    "french": "Avec plaisir. N'hésitez pas à poser une autre question.",
    "spanish": "De nada. Pregúnteme cuando quiera.",
    "turkish": "Rica ederim. Başka bir şey olursa yine sorun.",
    "arabic": "على الرحب والسعة. اسألني متى شئت.",
    "japanese": "どういたしまして。ほかにもあれば、いつでもどうぞ。",
    "chinese": "不客气。如有其他问题，随时问我。",
}
_NEAREST = {
    "english": "My sources do not clearly answer that. The nearest I have is:",
    "german": "Meine Quellen beantworten das nicht eindeutig. Am nächsten kommt:",
    "french": "Mes sources ne répondent pas clairement à cela. Le plus proche est :",
    "spanish": "Mis fuentes no responden claramente a eso. Lo más cercano es:",
    "turkish": "Kaynaklarım buna açık bir yanıt vermiyor. En yakını şu:",
    "arabic": "لا تجيب مصادري عن ذلك بوضوح. أقرب ما لدي هو:",
    "japanese": "手元の資料にはっきりした答えはありません。最も近いものは次のとおりです：",
    "chinese": "我的资料没有明确回答这个问题。最接近的内容是：",
}

_TURKISH = re.compile("[ığşİĞŞ]")


def _phrases(said: dict[str, str]) -> dict[str, str]:
    return {_bare(phrase): language for language, phrases in said.items() for phrase in phrases.split("|")}


def _bare(text: str) -> str:
    return " ".join(terms.runs(fold(text)))


_HELLOS, _THANKED = _phrases(_GREETINGS), _phrases(_THANKS)
# Longer texts are no mere greeting.
_MOST_CHARACTERS = 60


def reply_to(question: str) -> str:
    """What is said to a greeting or to thanks; empty for anything else."""
    if len(question) > _MOST_CHARACTERS:
        return ""
    bare = _bare(question)
    if bare in _HELLOS:
        return _HELLO[_HELLOS[bare]]
    return _WELCOME[_THANKED[bare]] if bare in _THANKED else ""


def nearest(language: str, question: str) -> str:
    """The words before a quotation that is the nearest only."""
    # A letter of its own tells more than a small word, which another language may have as well.
    if _TURKISH.search(question):
        language = "turkish"
    if language not in _NEAREST:
        folded = fold(question)
        if any("\u3041" <= sign <= "\u30ff" for sign in folded):
            language = "japanese"
        elif any("\u4e00" <= sign <= "\u9fff" for sign in folded):
            language = "chinese"
        else:
            language = next(
                (one for one in ("arabic",) if any("\u0620" <= sign <= "\u06ff" for sign in folded)), ""
            )
    return _NEAREST.get(language, _NEAREST["english"])
