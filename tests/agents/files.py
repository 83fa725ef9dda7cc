"""Files as people upload them, and as nobody should: small on disk, made here."""

import io
import zipfile
import zlib
from collections.abc import Iterable

import docx
import pypdf


def pdf(pages: Iterable[str], *, outline: Iterable[str] = ()) -> bytes:
    """A PDF with the lines of each page as text."""
    contents = []
    for page in pages:
        shown = "".join(f"({line.translate(ESCAPED)}) Tj T*\n" for line in page.splitlines())
        contents.append(f"BT /F1 12 Tf 14 TL 50 800 Td\n{shown}ET".encode("latin-1"))
    return _with_outline(_pdf(contents), list(outline))


ESCAPED = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})


def _pdf(contents: list[bytes], *, packed: bool = False) -> bytes:
    pages = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(contents)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{pages}]/Count {len(contents)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, content in enumerate(contents):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % (5 + 2 * number)
        )
        how = b"/Filter/FlateDecode" if packed else b""
        objects.append(b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), how, content))
    file, places = io.BytesIO(), []
    file.write(b"%PDF-1.4\n")
    for number, one in enumerate(objects, start=1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, one))
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    file.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return file.getvalue()


def empty_pages(number: int) -> bytes:
    """A small PDF that says it has so many pages: all of them are the same object."""
    pages = pdf(["Text."])
    return pages.replace(b"Kids[4 0 R]/Count 1", b"Kids[" + b"4 0 R " * number + b"]/Count %d" % number)


def _with_outline(content: bytes, titles: list[str]) -> bytes:
    if not titles:
        return content
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(content))
    for title in titles:
        writer.add_outline_item(title=title, page_number=0)
    return _written(writer)


def _written(writer: pypdf.PdfWriter) -> bytes:
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def encrypted_pdf() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["A secret."])))
    writer.encrypt("a password", algorithm="RC4-128")
    return _written(writer)


def scanned_pdf() -> bytes:
    return _pdf([b"", b"", b""])


def pdf_bomb(megabytes: int = 400) -> bytes:
    return _pdf([_packed(b"(a) Tj ", megabytes)], packed=True)


def _packed(what: bytes, megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    piece = what * (1024**2 // len(what))
    return b"".join([*(packer.compress(piece) for _ in range(megabytes)), packer.flush()])


def word(*blocks: "str | list[list[str]]") -> bytes:
    """A Word file of paragraphs ("# …" is a heading, "- …" an item of a list) and tables."""
    document = docx.Document()
    for block in blocks:
        if isinstance(block, list):
            table = document.add_table(rows=0, cols=len(block[0]))
            for row in block:
                cells = table.add_row().cells
                for cell, text in zip(cells, row, strict=True):
                    cell.text = text
        elif block.startswith("# "):
            document.add_heading(block.removeprefix("# "), level=1)
        elif block.startswith("- "):
            document.add_paragraph(block.removeprefix("- "), style="List Bullet")
        else:
            document.add_paragraph(block)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word_with(name: str, content: Iterable[bytes]) -> bytes:
    """A Word file one of whose parts is replaced, or added."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word("Text."))) as whole,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in whole.namelist():
            if entry != name:
                new.writestr(entry, whole.read(entry))
        with new.open(name, "w", force_zip64=True) as part:
            for piece in content:
                part.write(piece)
    return file.getvalue()


def zip_bomb(megabytes: int = 400) -> bytes:
    return word_with("word/document.xml", (b" " * 1024**2 for _ in range(megabytes)))


def billion_laughs() -> bytes:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return word_with_entities(f'<!ENTITY l0 "ha">{entities}', "&l11;")


def word_with_entities(declared: str, text: str) -> bytes:
    document = (
        f'<?xml version="1.0"?><!DOCTYPE x [{declared}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        f"<w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    )
    return word_with("word/document.xml", [document.encode()])
