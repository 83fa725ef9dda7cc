"""Replies to greetings, thanks and farewells, and introductions of near answers, in the language of the question."""

import re

from agents.knowledge import languages, terms
from agents.knowledge.folding import fold

_GREETINGS = {
    "english": "hello|hi|hey|good morning|good afternoon|good evening|good day|greetings|howdy|how are you|how are you doing|"
    "how is it going|how's it going|hows it going|what's up|whats up|who are you|what are you|what can you do|nice to meet you|are you there",
    "german": "hallo|guten tag|guten morgen|guten abend|gruss gott|gruezi|moin|servus|hi|wie geht es dir|wie geht es ihnen|"
    "wie gehts|wie geht's|wer bist du|was kannst du|wer sind sie|was konnen sie",
    "french": "bonjour|salut|bonsoir|coucou|comment ca va|ca va|comment allez vous|comment vas tu|qui es tu|qui etes vous|"
    "que peux tu faire|que pouvez vous faire",
    "spanish": "hola|buenos dias|buenas tardes|buenas noches|buenas|que tal|como estas|como esta usted|como esta|quien eres|"
    "quien es usted|que puedes hacer",
    "turkish": "merhaba|selam|iyi gunler|gunaydin|iyi aksamlar|merhabalar|selamlar|nasilsin|nasilsiniz|naber|kimsin|kimsiniz|"
    "sen kimsin|siz kimsiniz|ne yapabilirsin",
    "arabic": "مرحبا|السلام عليكم|اهلا|اهلا وسهلا|صباح الخير|مساء الخير|سلام|كيف حالك|كيف الحال|من انت",
    "japanese": "こんにちは|こんにちわ|こんばんは|おはよう|おはようございます|はじめまして|もしもし|やあ|元気ですか|お元気ですか|"
    "あなたは誰ですか|誰ですか|何ができますか",
    "chinese": "你好|您好|早上好|下午好|晚上好|早安|嗨|大家好|你好吗|您好吗|在吗|你是谁|您是谁|你能做什么",
}
_THANKS = {
    "english": "thanks|thank you|thx|ty|many thanks|cheers|much appreciated|that helps|that helped|that was helpful|"
    "that is all|that's all|thats all|perfect|great|very helpful|"
    "ok|okay|alright|got it|i see|understood",
    "german": "danke|vielen dank|danke schon|dankeschon|danke dir|besten dank|herzlichen dank|danke sehr|tausend dank|"
    "das hat geholfen|das hat mir geholfen|das hilft|das war alles|super|perfekt|prima|alles klar|verstanden",
    "french": "merci|merci beaucoup|merci bien|mille mercis|un grand merci|ca m'aide|c'est tout|parfait|super|d'accord|entendu|compris",
    "spanish": "gracias|muchas gracias|mil gracias|muy amable|eso es todo|perfecto|genial|vale|de acuerdo|entendido",
    "turkish": "tesekkurler|tesekkur ederim|tesekkur ederiz|sagol|sagolun|sag ol|sag olun|cok tesekkurler|cok sagol|eyvallah|harika|tamam|anladim",
    "arabic": "شكرا|شكرا لك|شكرا لكم|شكرا جزيلا|الف شكر|ممتاز|حسنا",
    "japanese": "ありがとう|ありがとうございます|ありがとうございました|どうも|どうもありがとう|どうもありがとうございます|"
    "助かりました|感謝します|わかりました|了解です|了解",
    "chinese": "谢谢|多谢|谢谢你|谢谢您|谢谢了|非常感谢|感谢|太好了|好的|明白了|知道了",
}
_FAREWELLS = {
    "english": "bye|bye bye|goodbye|good bye|see you|see you later|good night|have a nice day|have a good day|take care",
    "german": "tschuss|tschuess|auf wiedersehen|bis bald|gute nacht|schonen tag noch|ciao|bis dann|ade",
    "french": "au revoir|bonne journee|bonne soiree|bonne nuit|a bientot|a plus|adieu",
    "spanish": "adios|hasta luego|hasta pronto|chao|que tenga un buen dia|nos vemos",
    "turkish": "hosca kal|hoscakal|hoscakalin|hosca kalin|gorusuruz|gule gule|iyi geceler|kolay gelsin",
    "arabic": "مع السلامه|الي اللقاء|وداعا|تصبح علي خير",
    "japanese": "さようなら|さよなら|またね|おやすみなさい|失礼します|では また",
    "chinese": "再见|拜拜|晚安|回头见",
}
# Words that may accompany a courtesy and ask nothing.
_BESIDE = (
    "there|everyone|everybody|all|again|to you|so much|very much|a lot|for your help|for the help|for that|and|oh|well|"
    "yes|no|dear team|team|zusammen|alle|sehr|dir|ihnen|fur die hilfe|und|a tous|beaucoup|bien|pour votre aide|pour tout|et|a todos|por todo|"
    "por su ayuda|por la ayuda|y|herkese|cok|ederim|peki|جزيلا|لك|はい|でした|吗|好|啊|了"
)
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
_GOODBYE = {
    "english": "Goodbye! Come back whenever there is something else.",
    "german": "Auf Wiedersehen! Kommen Sie jederzeit wieder.",
    "french": "Au revoir ! Revenez quand vous voulez.",
    "spanish": "¡Hasta luego! Vuelva cuando quiera.",
    "turkish": "Hoşça kalın! İstediğiniz zaman yine sorun.",
    "arabic": "مع السلامة! عد متى شئت.",
    "japanese": "失礼します。またいつでもどうぞ。",
    "chinese": "再见！欢迎随时再来提问。",
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
# The introduction when the text is only a word or two and asks nothing.
_FOUND = {
    "english": "This is what I have on it:",
    "german": "Das habe ich dazu:",
    "french": "Voici ce que j'ai à ce sujet :",
    "spanish": "Esto es lo que tengo sobre ello:",
    "turkish": "Bu konuda bende şunlar var:",
    "arabic": "هذا ما لدي حول ذلك:",
    "japanese": "手元の資料にあるのは次のとおりです：",
    "chinese": "关于这一点，我的资料里有：",
}

_TURKISH = re.compile("[ığşİĞŞ]")
_KANA, _SIGN, _ARABIC = (re.compile(f"[{first}-{last}]") for first, last in ("ぁヿ", "一鿿", "ؠۿ"))


def _phrases(said: dict[str, str]) -> dict[str, str]:
    """Each phrase with its language, the first that has it."""
    languages_of = [
        (language, _bare(phrase)) for language, phrases in said.items() for phrase in phrases.split("|")
    ]
    return {phrase: language for language, phrase in reversed(languages_of)}


def _bare(text: str) -> str:
    return " ".join(terms.runs(fold(text)))


# In the order of precedence when a text has several: "hi", "thanks, bye".
_REPLIES = (
    (_phrases(_GREETINGS), _HELLO),
    (_phrases(_THANKS), _WELCOME),
    (_phrases(_FAREWELLS), _GOODBYE),
)
_EVERY = sorted(
    {*_phrases({"": _BESIDE}), *(phrase for known, _ in _REPLIES for phrase in known)}, key=len, reverse=True
)
# Longer texts are not taken for a greeting, nor is a phrase inside a longer word.
_MOST_CHARACTERS = 60
# The most words of a text that asks nothing by itself.
_MOST_OF_A_TOPIC = 2


def reply_to(question: str) -> str:
    """The reply to a greeting, thanks, a farewell, or several of these; empty for any other text."""
    said = _said(_bare(question)) if len(question) <= _MOST_CHARACTERS else []
    for known, replies in reversed(_REPLIES):
        of_kind = [phrase for phrase in said if phrase in known]
        if of_kind:
            return replies[known[max(of_kind, key=len)]]
    return ""


def _said(bare: str) -> list[str]:
    """The known phrases that make up the whole text; none if it contains anything else."""
    found = []
    while bare:
        phrase = next((one for one in _EVERY if bare.startswith(one) and _ends(bare, len(one))), "")
        if not phrase:
            return []
        found.append(phrase)
        bare = bare[len(phrase) :].lstrip()
    return found


def _ends(bare: str, place: int) -> bool:
    """Whether a word ends at that place; always true for scripts without blanks."""
    return place == len(bare) or bare[place] == " " or terms.is_blankless(bare[place])


def is_topic(question: str) -> bool:
    """Whether the text is only a word or two and asks nothing."""
    if len(question) > _MOST_CHARACTERS or "?" in question or "؟" in question or "？" in question:
        return False
    runs = terms.runs(fold(question))
    return len(runs) <= _MOST_OF_A_TOPIC and not frozenset(runs) & languages.EVERY_ASKING


def nearest(language: str, question: str, passage: str = "") -> str:
    """The words before a quotation that is only near.

    They are in the language of the question; if that is too short to tell, in the language of the quoted `passage`.
    """
    said = _FOUND if is_topic(question) else _NEAREST
    # A letter that only one language writes counts more than a small word, which several languages may have.
    if _TURKISH.search(question):
        language = "turkish"
    if language not in said:
        language = _of_script(question, passage) or languages.of(terms.runs(fold(passage)), passage)
    return said.get(language, said["english"])


def _of_script(question: str, passage: str) -> str:
    """The language of a question in a script of few languages.

    Han characters alone are Japanese if the passage has kana.
    """
    folded = fold(question)
    if _KANA.search(folded) or (_SIGN.search(folded) and _KANA.search(passage)):
        return "japanese"
    if _SIGN.search(folded):
        return "chinese"
    return "arabic" if _ARABIC.search(folded) else ""
