"""Twenty answers as models write them, for the tests of reading: what is in each is its name."""

ANSWERS = {
    "address": "Write to us:\n\n12 Main Street\n10115 Berlin\nGermany\n\nor call [+49 30 1234](tel:+49301234).",
    "headings": (
        "# Refunds\n\nWithin *30 days*.\n\n## Steps\n\n1. Open **Orders**\n2. Choose *Refund*\n\n### Note\n\nKeep the receipt.\n\n"
        "## Afterwards\n\nMoney is back in a week."
    ),
    "table": (
        "The plans:\n\n| Plan | Seats | Price per month |\n|:-----|:-----:|------:|\n| Free | 1 | $0 |\n"
        "| Team | 10 | $49.00 |\n| **Enterprise** | `many` | on request |\n\nPrices without tax."
    ),
    "wide table": "| " + " | ".join(f"Column number {n}" for n in range(12)) + " |\n" + "|---" * 12 + "|\n"
    + ("| " + " | ".join("a value of some length" for _ in range(12)) + " |\n") * 4 + "\nThat is all.",
    "code": (
        "Use this:\n\n```python\ndef total(rows: list[int]) -> int:\n    # the sum, *not* the mean [1]\n    return sum(rows)\n\n\n"
        "print(total([1, 2, 3]))  # " + "a long comment " * 8 + "\n```\n\nThen run `python total.py`."
    ),
    "code without a language": "```\n$ ls -la\ntotal 0\n```\nThe folder is empty.",
    "lists": (
        "Two ways:\n\n- by card\n  - Visa\n  - Mastercard\n    - debit only\n- by transfer\n\n1. Open the app\n\n   It takes a moment.\n\n"
        "2. Sign in\n3. Pay\n\nDone."
    ),
    "tasks": "Before you start:\n\n- [x] make an account\n- [ ] bring a key\n- [ ] invite *others*\n\nThat's it.",
    "arabic": (
        "# الاسترداد\n\nمرحبا، السعر 30 يومًا.\n\n- `git pull`: يجلب التغييرات\n- الثاني **مهم**\n\n> اقتباس قصير.\n\n"
        "| الخطة | السعر |\n|---|--:|\n| مجاني | 0 |\n\nThis sentence is English."
    ),
    "hebrew and english": "שלום! המחיר הוא $5 לחודש.\n\nThe price is $5 a month.\n\n1. ראשון\n2. שני",
    "chinese": "**重要：**内容在这里。请看**“退款政策”**的说明，网址是https://example.com/policy。\n\n- **步骤一：**打开“设置”\n- ~~旧价格。~~新价格",
    "japanese and korean": "**日本語。**です。「**太字**」も*強調*です。\n\n한국어는 **스크립트(script)**라고 합니다.\n\n```js\n// コメント\n```",
    "maths": (
        "The area is \\(\\pi r^2\\), so $a_1 + b_{2}$ costs $5.\n\n\\[\n\\int_0^1 x_1 * y_1 \\, dx\n= \\frac{1}{2}\n- c\n\\]\n\n"
        "and\n\n$$\\sum_{i=1}^n a_i * b_i$$\n\nas shown."
    ),
    "long word": "A word: " + "Donaudampfschifffahrtsgesellschaft" * 8 + "\n\n" + "a" * 300 + "\n\nhttps://example.com/" + "path/" * 60,
    "links": (
        "See https://example.com/a_b_c?d=1&e=*2*. Or www.example.org, <https://example.net>, mail help@example.com "
        "or [write](mailto:me@example.com).\n\nThe [guide][g] says more.\n\n![A chart of *sales*](https://example.com/chart.png)\n\n"
        "[g]: https://example.com/guide"
    ),
    "quotes and rules": "> First line\n> second line\n>\n> - in a quote\n\n---\n\n> [!NOTE]\n> Mind the gap.\n\nAfter.\n\n***\n\nEnd.",
    "footnotes": "It is so.[^1] And so.[^why]\n\n[^1]: Because.\n[^why]: A longer reason\n    that goes on.\n\nDone.",
    "html": "Press <kbd>Ctrl</kbd>, H<sub>2</sub>O<br>next line, <script>alert(1)</script> and &amp; too: a < b > c.\n\n<details>no</details>",
    "poem": "Roses are red,\nviolets are blue,\n**sugar** is sweet,\nand `so` are you.\n\n— *nobody*",
    "everything": (
        "## Summary\n\nIn short: **yes** [1].\n\n1. First, with `code`\n\n   ```sh\n   make run\n   ```\n\n2. Second\n   - inner\n\n"
        "| a | b |\n|---|---|\n| 1<br>2 | [x](https://example.com) |\n\n#1 is no heading, ~5 to ~10 is no ~~struck~~ text, arr[1] no mark.\n"
        "#### Deep\nTitle\n---\n\nEnd of it."
    ),
}  # fmt: skip
