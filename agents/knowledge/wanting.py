"""What kind of answer a question wants, as far as it can be told from how it asks: a number, or anything.

A section that speaks of all that is asked is no answer to "how much" when it has no number: the price stands elsewhere,
or nowhere.
"""

import re

from agents.knowledge.folding import fold

# Characters of a question that are looked at, and of what would be quoted.
MOST_CHARACTERS = 2_000

# As `folding.fold` leaves them. How much, how many, how long, how often, at what price, by which number.
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
# What is asked for by its price, and what says one; by how long it takes, and what says that.
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


def wants_number(question: str) -> bool:
    """Whether `question` asks how many, how much or how long, in one of the languages that are known here."""
    return _ASKS_NUMBER.search(fold(question[:MOST_CHARACTERS])) is not None


def has_number(text: str, question: str, under: str = "") -> bool:
    """Whether `text` says a number, in digits or words, that `question` does not say itself.

    Where a price or a time is asked for, it or the heading that it stands `under` must speak of money or of time as well.
    """
    said, asked = fold(text[:MOST_CHARACTERS]), fold(question[:MOST_CHARACTERS])
    told = f"{fold(under)}\n{said}"
    if _ASKS_MONEY.search(asked) and not _MONEY.search(told):
        return False
    if _ASKS_TIME.search(asked) and not _TIME.search(told):
        return False
    had = set(_DIGITS.findall(asked)) | set(_NUMBER_WORDS.findall(asked))
    return any(one not in had for pattern in (_DIGITS, _NUMBER_WORDS) for one in pattern.findall(said))
