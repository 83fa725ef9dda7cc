"""The kind of answer that a question wants, by its wording: a number, a name, a way to do something, or any.

A section with all the words of a "how much" question is no answer if it has no number: the price is elsewhere, or
nowhere. The same holds for "who" and a section without a name.
"""

import re

from agents.knowledge import languages
from agents.knowledge.folding import fold

# The most characters that are examined of a question, and of a quotation.
MOST_CHARACTERS = 2_000

# Folded. Questions for a number: how much, how many, how long, how often, at what price, which number.
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|long|often|old|big|large|far|tall|wide|high|heavy|fast|deep)\b"
    r"|\bwhat (?:do|does|did|will|would) [^.?!\n]{1,80} costs?\b|\bwhat(?: is|'s|s| are)? the (?:price|cost|fee)\b"
    r"|\bwie (?:viel|viele|vielen|lang|lange|oft|alt|gross|weit|hoch|breit|schwer|schnell|tief|teuer)\b"
    r"|\bwas koste[tn]\b|\bwieviele?\b|\bpreis (?:von|fur|der|des)\b|\btelefonnummer\b|\bphone number\b"
    r"|\bcombien\b|\bque coute|\bquel(?:le)? (?:est )?(?:le |la )?(?:prix|tarif|duree|taille|distance|hauteur|poids)\b"
    r"|\bnumero de telephone\b|\bcuant[oa]s?\b|\bque (?:precio|telefono|edad)\b|\bprecio de[l]?\b|\bnumero de telefono\b"
    r"|\bkac\b|\bne kadar\b|\bfiyati? (?:ne|nedir)\b|\btelefon numarasi\b"
    r"|(?:^|\s)(?:كم|بكم)\s|رقم هاتف"
    r"|いくら|いくつ|何[時分秒日月年歳才円人名個枚本台回泊合度階杯]|(?:どの|どれ)くらい|多少|几[^乎]|多[久长大高远重]"
)
_NUMBER_WORDS = re.compile(
    r"\b(?:"
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,5}teen|twenty|thirty|forty|fifty|sixty|seventy|"
    "eighty|ninety|hundred|thousand|million|half|once|twice|free|nothing|none|unlimited|daily|weekly|monthly|yearly|hourly|"
    "every (?:day|hour|week|month|year|minute)|(?:a|an|one) (?:day|hour|week|month|year|minute)|"
    "zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf|[a-z]{3,6}zehn|[a-z]{0,12}zwanzig|[a-z]{0,12}ssig|"
    "[a-z]{0,12}zig|[a-z]{0,8}hundert|[a-z]{0,8}tausend|halb[a-z]{0,3}|einmal|zweimal|dreimal|kostenlos|gratis|nichts|umsonst|"
    "taglich|wochentlich|monatlich|jahrlich|unbegrenzt|ein(?:en|em|e)? (?:tag|stunde|woche|monat|jahr|minute)|"
    "deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingt|trente|quarante|cinquante|"
    "soixante|cent|cents|mille|demi|demie|gratuit|gratuits?|gratuites?|rien|illimite|une? (?:jour|heure|semaine|mois|an|minute)|"
    "dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|trece|catorce|quince|veinte|veinti[a-z]{2,7}|treinta|cuarenta|"
    "cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento|[a-z]{2,6}cient[oa]s|mil|medi[oa]|nada|ilimitad[oa]s?|"
    "un(?:a)? (?:dia|hora|semana|mes|ano|minuto|vez)|"
    "iki|uc|dort|bes|alti|yedi|sekiz|dokuz|on|yirmi|otuz|kirk|elli|altmis|yetmis|seksen|doksan|yuz|bin|yarim|bucuk|"
    "ucretsiz|ucretsizdir|bedava|sinirsiz|her gun|bir (?:gun|saat|hafta|ay|yil|dakika)"
    r")\b"
    "|(?:ثلاث|اربع|خمس|ست|سبع|ثمان|تسع|عشر|مئ|مائ|الف|نصف|مجان|يوم|يومين|اسبوع|شهر|سنه|سنتين|ساعه|ساعتين|دقيق|مره|مرتين)"
    "|[一二三四五六七八九十百千万两半]|無料|免费|なし"
)
# Words that ask for a price, and words of texts about prices; words that ask for a duration, and words of texts
# about durations.
_ASKS_MONEY = re.compile(
    r"\b(?:costs?|prices?|fees?|koste[tn]|preis|cout(?:e|ent)?|prix|tarif|cuestan?|precio|vale|cobran?|fiyati?|ucreti?|lira)\b"
    r"|سعر|تكلف|ثمن|بكم|いくら|料金|多少钱|价格"
)
_MONEY = re.compile(
    r"[€$£¥₺]|\b(?:euros?|eur|dollars?|pounds?|liras?|tl|credits?|cents?|yen|price|prices|costs?|fees?|free|preis|kostet|"
    r"kosten|gebuhr|kostenlos|gratis|prix|frais|tarif|coute|gratuite?|precio|cuestan?|fiyati?|ucreti?|ucretsiz|bedava)\b"
    r"|ريال|درهم|دينار|سعر|رسوم|مجان|円|元|料金|价格|免费|無料"
)
_ASKS_TIME = re.compile(
    r"\bhow long\b|\bwie lange\b|\bcombien de temps\b|\b(?:duree|dure|durent)\b|\bcuanto tiempo\b|\b(?:dura|duran|tarda)\b"
    r"|\bne kadar sur|يستغرق|多久|多长时间"
)
_TIME = re.compile(
    r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|sekunden?|minuten?|stunden?|tagen?|tage?s?|wochen?|"
    r"monate?n?|jahre?n?|secondes?|heures?|jours?|semaines?|mois|ans|annees?|segundos?|minutos?|horas?|dias?|semanas?|"
    r"mes|meses|anos?|(?:saniye|dakika|saat|gun|hafta|yil)[a-z]{0,4}|ay(?:da|dir|lik)?)\b"
    r"|ثاني|دقيق|دقاءق|ساع|يوم|ايام|اسبوع|اسابيع|شهر|اشهر|سن|秒|分|時|时|日|天|週|周|月|年"
)
_DIGITS = re.compile(r"\d+")
# The thing that a question asks the number of. Money and times are excluded: other checks cover them.
_ASKS_COUNT = re.compile(
    r"\b(?:how many|wie ?viele|combien d(?:e |['’] ?)|cuant[oa]s|kac)\s*"
    r"(?!euros?\b|dollars?|pounds?|lira|tl\b|para\b|times?\b|temps\b|fois\b|veces\b|mal\b|kere\b|defa\b|kez\b)(?P<thing>[a-z]{3,})"
)
# How many first letters identify other forms of that thing; and how many words may be between it and its number.
_SAME_LETTERS, _BETWEEN = 4, 3
_TOKEN = re.compile(r"\w+|:")
# Questions for who did or is something. "Who may" is excluded, because a role answers it.
_ASKS_NAME = re.compile(
    r"\bwho(?:'s|s)? (?!can\b|may\b|could\b|should\b|must\b|has\b|have\b|needs?\b|pays?\b|gets?\b|sees?\b|do\b|does\b)"
    r"|\bqui (?!peut\b|peuvent\b|doit\b|doivent\b|paie\b|paye\b|a\b)(?=(?:a |est |sont )?[a-z]{4})(?<!ce qui )"
    r"|\bquien(?:es)? (?!puede|debe|paga|tiene)|\bkim(?:dir)?\b(?!.*(?:bilir|meli|mali)\b)"
)
_CAPITAL = "A-ZÀ-ÖØ-ÞĞİŞŁŒ"
# A name: two capitalised words, or one inside a sentence.
_NAME = re.compile(
    rf"[{_CAPITAL}][\w.'’-]{{0,40}}[^\S\n]{{1,3}}[{_CAPITAL}]\w+|(?<=[^\W\d_{_CAPITAL}] )[{_CAPITAL}]\w+|(?<=, )[{_CAPITAL}]\w+"
)
_ASKS_WAY = re.compile(
    r"\bhow (?:do|can|could|should|would|to)\b|\bwie (?:kann|konnen|muss|soll|mache?|geht)\b"
    r"|\bcomment (?:puis|peut|faire|dois|est-ce|je|on)\b|\bcomo (?:puedo|se|hago|debo|puede)\b|\bnasil\b"
)
# Words that ask for a person, a place or a time. Questions that differ in these need different answers.
_KINDS = tuple(
    frozenset(words.split())
    for words in (
        "who whom wer wen wem qui quien quienes kim kimin",
        "where wo wohin woher donde adonde nerede nereye nereden",
        "when wann quand cuando",
    )
)


def wants_number(question: str) -> bool:
    """Whether `question` asks how many, how much or how long, in one of the supported languages."""
    return _ASKS_NUMBER.search(fold(question[:MOST_CHARACTERS])) is not None


def has_number(text: str, question: str, under: str = "") -> bool:
    """Whether `text` has a number, in digits or words, that `question` does not have itself.

    For a question about a price or a time, the text or the heading that it is `under` must also mention money or
    time.
    """
    said, asked = fold(text[:MOST_CHARACTERS]), fold(question[:MOST_CHARACTERS])
    told = f"{fold(under)}\n{said}"
    if _ASKS_MONEY.search(asked) and not _MONEY.search(told):
        return False
    if _ASKS_TIME.search(asked) and not _TIME.search(told):
        return False
    had = set(_DIGITS.findall(asked)) | set(_NUMBER_WORDS.findall(asked))
    return any(one not in had for pattern in (_DIGITS, _NUMBER_WORDS) for one in pattern.findall(said))


def has_count(text: str, question: str) -> bool:
    """Whether `text` has the number of the things that `question` asks the number of; True for other questions."""
    found = _ASKS_COUNT.search(fold(question[:MOST_CHARACTERS]))
    if found is None:
        return True
    beginning = found["thing"][:_SAME_LETTERS]
    tokens = _TOKEN.findall(fold(text[:MOST_CHARACTERS]))
    for place, token in enumerate(tokens):
        if token.startswith(beginning):
            is_headed = tokens[place + 1 : place + 2] == [":"]
            after = tokens[place + 2 : place + 4] if is_headed else []
            if any(map(_is_number, [*tokens[max(0, place - _BETWEEN) : place], *after])):
                return True
    return False


def _is_number(token: str) -> bool:
    return token.isdecimal() or _NUMBER_WORDS.fullmatch(token) is not None


def lacks_name(text: str, question: str) -> bool:
    """Whether `question` asks for a person, but `text` has no name that is not in the question itself."""
    asked = fold(question[:MOST_CHARACTERS])
    if _ASKS_NAME.search(asked) is None:
        return False
    return all(fold(name) in asked for name in _NAME.findall(text[:MOST_CHARACTERS]))


def wants_way(question: str) -> bool:
    """Whether `question` asks how to do something."""
    return _ASKS_WAY.search(fold(question[:MOST_CHARACTERS])) is not None


def asks_otherwise(question: str, stored: str) -> bool:
    """Whether one of two questions asks for a person, a place or a time, and the other for something else."""
    mine, theirs = _asking(question), _asking(stored)
    return bool(mine and theirs) and any(bool(kind & mine) != bool(kind & theirs) for kind in _KINDS)


def _asking(question: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(fold(question[:MOST_CHARACTERS]))) & languages.EVERY_ASKING
