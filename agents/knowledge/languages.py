"""Data about languages: small words, question words, words that negate, and stemmers.

A text's language is recognised by its small words or its script. Words are listed in the form that `folding.fold`
gives them.
"""

import re
import threading
from functools import lru_cache

import snowballstemmer

from agents.knowledge import turkish

# Question words. They are no subject either, but a question with "when" differs from one with "where".
ASKING = {
    "english": "what when where who whom whose which why how",
    "german": "was wann wo wer wen wem wessen welche welcher welches welchen warum wieso weshalb wie woher wohin womit wofur",
    "french": "quoi quand ou qui que quel quelle quels quelles pourquoi comment combien",
    "spanish": "que cuando donde quien quienes cual cuales como cuanto cuanta cuantos cuantas adonde porque",
    "turkish": "ne zaman nerede nereye nereden nasil kim kimin kimler hangi hangisi kac neden niye niçin nicin",
    "arabic": "ما ماذا متي اين من كيف كم لماذا هل اي",
    "italian": "cosa quando dove chi quale quali perche come quanto quanta quanti quante",
    "portuguese": "que quando onde quem qual quais como quanto quanta quantos quantas",
    "dutch": "wat wanneer waar wie welke welk waarom hoe hoeveel",
}  # fmt: skip
# Words that negate a question.
DENYING = frozenset(
    "not no never without cannot dont doesnt isnt nicht kein keine keinen keiner ohne nie pas sans jamais aucun aucune "
    "sin nunca ningun ninguna degil yok hic لا ليس بدون غير لم لن non nao sem niet geen zonder".split()
)
SMALL = {
    "english":
        "a about all also am an and any anyone anybody are as at be because been but by can could d did do does doing done "
        "else ever every exactly for from get gets getting give given go going got had has have having he hello help her here "
        "hey hi him his i if im in into is it its ive just know let like ll m make many may maybe me might mine more most much "
        "must my myself need no not now of off ok on one only or other our ours out over own please possible re s shall she "
        "should so some somebody someone something still such sure t take tell than thank thanks that the their them then "
        "there these they thing things this those through to too under up us use very want was we were will with without "
        "wondering would yes yet you your yours don isn doesn didn wouldn couldn shouldn aren wasn weren hasn haven hadn dont "
        "doesnt didnt isnt cant whats",
    "german":
        "aber alle allem allen als also am an auch auf aus bei beim bin bis bitte da dabei damit dann das dass dein deine dem "
        "den denn der des dich die dies diese diesem diesen dieser dieses dir doch du durch ein eine einem einen einer eines "
        "einfach er es etwas euch euer eure fur gar geben gegen genau gern gerne gibt hab habe haben hallo hat hatte hatten hier "
        "ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in ins ist ja jede jedem jeden jeder jedes jetzt kann kannst "
        "kein keine konnen konnte konnten machen man mehr mein meine meinem meinen meiner mich mir mit mochte mochten muss "
        "mussen nach nein nicht noch nun nur ob oder ohne schon sehr sein seine sich sie sind so soll sollte sowie uber um und "
        "uns unser unsere unseren unter viel viele vielen vom von vor war warum waren was wenn werde werden wird wir wissen "
        "wo wurde wurden zu zum zur zwischen meines deines seines unseres eures ihres welchem bin bist seid waren ware "
        "gehts gibts",
    "french":
        "a ai alors an apres au aucun aussi autre aux avant avec avez avoir avons bien bonjour c ca car ce ceci cela celle celui "
        "ces cet cette chaque chez ci d dans de des deux dois doit donc du elle elles en encore entre es est et etait etes etre "
        "eu faire fait faut font il ils j je l la le les leur leurs lors lui m ma mais me meme merci mes moi mon n ne non nos "
        "notre nous on ont ou oui par pas peu peut peuvent peux plus pour pourrait pouvez pouvoir puis qu quand que quel quelle "
        "qui s sa sans savoir se sera ses si son sont sous sur t ta te tes toi ton tous tout toute toutes tres tu un une vos "
        "votre voudrais vous y quelqu quelque quelques presque rien trop assez seulement surtout voici voila lorsque lorsqu "
        "puisque puisqu jusqu lequel laquelle lesquels lesquelles",
    "spanish":
        "a al algo algun alguna ante antes aqui asi aun aunque bien cada como con contra cual cuando de debe debo del desde "
        "donde dos e el ella ellas ellos en entre era eres es esa ese eso esta estaba estan estar este esto estos estoy favor "
        "fue gracias ha hace hacer hacia han hasta hay he hola la las le les lo los mas me mi mis muy nada ni no nos nosotros "
        "o os otra otro para pero poder podria porque puede pueden puedo pues que quiero saber se sea ser si sin sobre son soy "
        "su sus tambien tan te tengo tener tiene tienen todo todos tu tus un una unas uno unos usted ustedes y ya yo",
    "turkish":
        "acaba ama ancak artik bana bazi belki ben beni benim bir biraz biz bize bizim bu buna bunu bunun cok cunku da daha de "
        "degil diye eger en etmek fakat gibi hangi hem hep her hic icin ile ise istiyorum kadar ki lutfen m merhaba mi mu mudur "
        "midir miyim miyiz miyim musunuz misiniz nasil ne neden o olan olarak oldugu olur olmak olup on ona onlar onu onun "
        "oysa pek sana sen senin siz sizin size son sonra sey su tum uzere var ve veya ya yani yine yok mumkun lazim "
        "olabilir ediyor eder edebilir yapabilir miyim verir veriyor gerekir gerekiyor varmi varmidir olurmu nekadar kactir",
    "arabic":
        "في من الي علي عن مع هذا هذه ذلك تلك التي الذي الذين هو هي هم نحن انا انت كان كانت يكون تكون ان اذا او و ثم قد كل بعض "
        "لا لم لن ما هل لقد بين عند عندما حتي بعد قبل ايضا فقط لي لك له لها لكم لدي لديكم يمكن يمكنني استطيع اريد مرحبا "
        "شكرا رجاء فضلك كما لكن غير منذ خلال هناك يتم تم احد شي اي يجب ينبغي علينا عليك وهو وهي فيه فيها منه منها",
    "italian":
        "a ad al alla alle anche avere c che ci ciao come con cui da dal dalla de degli dei del della delle di e ed essere "
        "fare fra grazie ha hai hanno ho i il in io la le lei lo loro lui ma mi mia mio ne nei nel nella no non noi o per piu "
        "posso puo quando quello questa questo se sei si sono su sua sul sulla suo ti tra tu tuo un una uno vi voi vorrei",
    "portuguese":
        "a ao aos as com da das de do dos e ela ele em entre era essa esse esta este eu foi ha isso isto ja la lhe mais mas "
        "me meu minha muito na nao nas nem no nos nossa nosso o obrigado ola os ou para pela pelo por posso pode quero se "
        "sem ser seu sua sao tambem te tem tenho um uma voce voces",
    "dutch":
        "aan al als bij dan dat de deze die dit doen door dus een en er ga geen graag hallo heb hebben heeft het hier hij hoe "
        "ik in is ja je jij jullie kan kunnen maar me meer men met mij mijn moet moeten na naar niet nog nu of om omdat onder "
        "ons onze ook op over te tot u uit uw van veel voor want was we wel wij wil worden wordt zal ze zich zij zijn zo",
}  # fmt: skip
# Words of a question beside its subject: for measures, events, names of things. A section that answers need not
# contain them, so they count less.
FRAMING = {
    "english":
        "long often much many time times cost costs price prices take takes took last lasts happen happens mean means kept "
        "called number amount per maximum allowed able euros dollars pounds metres meters centimetres kilos grams want wants need needs find say says think way ways kind sort type "
        "never always already before after during while until since without within again soon later today come comes coming "
        "bring put puts try",
    "german":
        "lang lange oft heisst heissen bedeutet bedeuten passiert geschieht darf durfen durft brauche braucht brauchen komme "
        "kommt kommen mache macht bekomme bekommt bekommen kriege kriegt gilt gelten kostet kosten preis dauert dauern zeit "
        "mal finde findet nie immer schon wieder vorher nachher wahrend bis seit ab erst heute passieren stelle stellen",
    "french":
        "temps fois cas coute coutent cout prix dure durent duree signifie veut dire passe arrive appelle reste restent "
        "trouve trouver trouvent besoin prend prendre mettre jamais toujours deja avant pendant jusque depuis venir viens vient venez aller va vais vont "
        "rester",
    "spanish":
        "cuesta cuestan costar vale valen precio dura duran tarda tardan tardar tiempo veces vez significa pasa ocurre llama "
        "llaman cobra cobran numero euros metros centimetros kilos gramos necesito necesita hago sirve queda quedan maximo siempre antes despues durante "
        "mientras todavia venir viene vengo ir voy va",
    "turkish":
        "surer suruyor sure surede kere defa lira fiyat fiyati ucret ucreti numarasi santim metre kilo gram euro anlama anlami geliyor gelir demek yapilir "
        "yapiliyor yapmali yapilmali yapmaliyim olur oluyor aliniyor alinir hicbir zaman hala simdi bugun once",
    "arabic": "يستغرق تستغرق يكلف تكلفه سعر ثمن مره مرات معني يعني رقم افعل نفعل يحدث عدد مده وقت",
}  # fmt: skip
FRAMES = {name: frozenset(words.split()) for name, words in FRAMING.items()}
SILENT = {name: frozenset(words.split()) | frozenset(ASKING[name].split()) for name, words in SMALL.items()}
ASKED_BY = {name: frozenset(words.split()) for name, words in ASKING.items()}
EVERY_SILENT = frozenset(word for words in SILENT.values() for word in words)
EVERY_ASKING = frozenset(word for words in ASKED_BY.values() for word in words)

# For scripts without blanks: phrases that form a question, removed before it is cut into terms.
FILLER = sorted(
    "请问 什么 怎么样 怎么 怎样 如何 哪里 哪儿 哪些 哪个 多少 为什么 为何 可以 能否 能不能 可不可以 是否 有没有 是不是 需要 应该 "
    "多少钱 多少 多久 多长时间 多长 多大 几年 几天 几个 几次 几点 什么意思 意思 "
    "我们 你们 您们 他们 我 你 您 吗 呢 吧 啊 的 了 是 在 和 与 或 及 请 想 要 有 会 能 被 把 就 也 都 "
    "教えてください てください ください でしょうか でしょう ですか ますか ません ました です ます ありますか あります いくら "
    "何時 何分 何日 何月 何年 何歳 何円 何人 何名 何個 何枚 何本 何台 何回 何泊 何曜日 だれですか "
    "どのくらい どれくらい どのように どうやって どうすれば どうしたら どこで どこ どう いつ なに 何ですか なぜ どれ どの だれ 誰 "
    "について とは には では から まで より という こと もの この その あの する した して され できる できます できますか "
    "알려주세요 무엇인가요 무엇 어떻게 어디 언제 얼마 인가요 있나요 하나요 합니까 입니까".split(),
    key=len,
    reverse=True,
)


# The languages of each small word.
_SAID_IN = {
    word: tuple(name for name, small in SILENT.items() if word in small) for word in sorted(EVERY_SILENT)
}


# Letters that only one of the languages has. Each counts as two small words, because several languages may share a
# small word.
_OWN_LETTERS = {
    "turkish": re.compile("[ğĞıİşŞ]"), "spanish": re.compile("[ñÑ¿¡]"),
    "german": re.compile("[ßäÄ]"), "portuguese": re.compile("[ãÃõÕ]"),
}  # fmt: skip
# Word endings frequent in one language, for texts that small words do not decide: "ne" is Turkish and French.
_ENDINGS = {
    "english": re.compile(r"(?:ing|ed|tion|ness|ly|ght|th|ck|ee|ow)\Z"),
    "german": re.compile(r"(?:ung|ungen|heit|keit|lich|isch|cht|sst|tz|ler|hen|ieren|mer|ein|atz|ben)\Z"),
    "french": re.compile(r"(?:eux|euse|tion|ement|ez|aient|ais|ait|elle|ette|oir|eau|eaux|ance|ique|ier|iere)\Z"),
    "spanish": re.compile(r"(?:cion|ciones|dad|ado|ada|ados|adas|ido|ida|ando|iendo|amos|aron|aria|ero|illo|uro)\Z"),
    "turkish": re.compile(
        r"(?:l[ae]r|l[ae]ri|[dt][ae]|[dt][ae]n|[dt][ae]ki|[ns]in|nun|[iu]yor|m[ae]k|m[ae]si|m[iu]s|lik|luk|lar[iu]n|l[iu]|mi|ni|si)\Z"
    ),
    "italian": re.compile(r"(?:zione|zioni|ggio|tta|tto|are|ere|ire|ato|ata|ello|ella|ici)\Z"),
    "portuguese": re.compile(r"(?:cao|coes|dade|ado|ada|ndo|agem|eiro|eira|nho|nha)\Z"),
    "dutch": re.compile(r"(?:ing|heid|lijk|aan|oor|ijn|tje|aar|uis|eren|ij)\Z"),
}  # fmt: skip


def of(words: list[str], written: str = "") -> str:
    """The language of a text by its small words, or by its script; empty if neither shows it.

    `words`: folded. `written`: the unfolded text, for its letters.
    """
    said = dict.fromkeys(SILENT, 0)
    for word in words:
        for name in _SAID_IN.get(word, ()):
            said[name] += 1
    if not written.isascii():
        for name, letters in _OWN_LETTERS.items():
            said[name] += 2 * len(letters.findall(written))
    most = max(said.values())
    if most:
        best = [name for name, times in said.items() if times == most]
        return best[0] if len(best) == 1 else max(best, key=lambda name: _ending_like(name, words))
    return "russian" if any("а" <= word[0] <= "я" for word in words[:20]) else ""


def _ending_like(language: str, words: list[str]) -> int:
    """How many words of a text end like those of a language."""
    ending = _ENDINGS.get(language)
    return sum(bool(ending.search(word)) for word in words if word not in EVERY_SILENT) if ending else 0


LATIN = ("english", "german", "french", "spanish", "turkish", "italian", "portuguese", "dutch")
# A Turkish word is also indexed by this many first letters, because its endings are many and long.
TURKISH_BEGINNING = 5
_own = threading.local()


def _stemmer(language: str) -> snowballstemmer.stemmer:
    """One stemmer for each thread, because a stemmer keeps the current word as state."""
    stemmers = _own.__dict__
    if language not in stemmers:
        stemmers[language] = snowballstemmer.stemmer(language)
    return stemmers[language]


@lru_cache(maxsize=65_536)
def stem(word: str, language: str) -> str:
    """The stem of a folded word; the word itself where there is none."""
    if language == "turkish":
        return word[:TURKISH_BEGINNING]
    stemmed: str = _stemmer(language).stemWord(word)
    return stemmed or word


# Endings that derive English words: "storage" from "store", "arrival" from "arrive", "cheaper" from "cheap".
_DERIVED = re.compile(r"(?:ag|al|anc|enc|ment|eri|er|est|or|e|i)\Z")
SHORTEST_DERIVED = 4
# "directrice" and "vendeuse" are treated as "directeur" and "vendeur".
_FEMININE = re.compile(r"(t)rices?\Z|(?<=\w\w\w)euses?\Z")


def stems(word: str, language: str) -> tuple[str, ...]:
    """All stems by which a folded word is indexed; maybe the word itself."""
    if language == "turkish":
        bare = turkish.noun(word), turkish.verb(word)
        return (stem(word, language), *(one for one in bare if one))
    usual = stem(word, language)
    if language == "english":
        derived = _DERIVED.sub("", usual)
        return (usual, derived) if len(derived) >= SHORTEST_DERIVED else (usual,)
    if (
        language == "french"
        and (masculine := _FEMININE.sub(lambda found: f"{found[1] or ''}eur", word)) != word
    ):
        return (usual, stem(masculine, language))
    return (usual,)
