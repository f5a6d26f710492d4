"""Items -> QTI 3.0: a single item as XML, or a content package with manifest, metadata and pictures."""

import base64
import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lxml import etree

from itembank import markup
from itembank.exchange.figures import Figure
from itembank.exchange.item_answers import write_units
from itembank.exchange.outgoing import NO_FIGURES, Mark, file_name, rationale_of, title_of, with_sources
from itembank.exchange.qti_kinds_write import QTI, ask, declare, filled, lacks, process, stem_html, sub
from itembank.exchange.qti_parts import RATIONALE
from itembank.exchange.writing import WritableItem

_CP: Final = "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1"
_LOM: Final = "http://ltsc.ieee.org/xsd/LOM"
_XML: Final = "http://www.w3.org/XML/1998/namespace"

# The steps of LOM, and the difficulty they stand for.
DIFFICULTIES: Final = {word: str(n) for n, word in enumerate(("very easy", "easy", "medium", "difficult", "very difficult"), 1)}
_STEPS: Final = {n: word for word, n in DIFFICULTIES.items()}


def write_item(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """One item as QTI 3.0 XML with its pictures inside. Raises ValueError unless there is exactly one: see `write_package`."""
    (item,) = items

    def source(digest: str) -> str:
        figure = figures.get(digest)
        return f"media:{digest}" if figure is None else f"data:{figure.type};base64,{base64.b64encode(figure.data).decode()}"

    return _item_xml(item, "item-1", source, mark)


def write_package(
    items: Iterable[WritableItem], *, now: dt.datetime, figures: Mapping[str, Figure] = NO_FIGURES, mark: Mark | None = None
) -> bytes:
    """Items as a QTI 3.0 content package; the pictures used lie in ``media/``. The same items and time give the same bytes."""
    manifest = etree.Element(f"{{{_CP}}}manifest", nsmap={None: _CP, "lom": _LOM}, identifier=f"jikao-{now:%Y%m%d%H%M%S}")
    head = sub(manifest, "metadata")
    sub(head, "schema").text = "QTI Package"
    sub(head, "schemaversion").text = "3.0.0"
    if mark is not None:
        annotation = _lom(etree.SubElement(head, f"{{{_LOM}}}lom"), "annotation")
        _lom(annotation, "entity").text = mark.short
        _lom(annotation, "date", "dateTime").text = f"{now:%Y-%m-%dT%H:%M:%S%z}"
        _lom(annotation, "description", "string").text = "\n".join(mark.lines)
    sub(manifest, "organizations")
    resources = sub(manifest, "resources")
    out = io.BytesIO()
    used: set[str] = set()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, item in enumerate((item for item in items if lacks(item) is None), 1):
            name = f"item-{n:05}"
            media = sorted(item.body.media | markup.media_of(rationale_of(item)))
            used.update(media)
            _add(
                archive,
                f"items/{name}.xml",
                _item_xml(item, name, lambda digest: _media_path(digest, figures, up=True), mark),
                now,
            )
            _add_resource(resources, name, item, [_media_path(digest, figures) for digest in media if digest in figures])
        for digest in sorted(used & figures.keys()):
            _add(archive, _media_path(digest, figures), figures[digest].data, now)
        _add(archive, "imsmanifest.xml", etree.tostring(manifest, encoding="UTF-8", xml_declaration=True), now)
    return out.getvalue()


def _media_path(digest: str, figures: Mapping[str, Figure], *, up: bool = False) -> str:
    return f"{'../' if up else ''}media/{file_name(digest, figures)}"


def _add(archive: zipfile.ZipFile, name: str, data: bytes, now: dt.datetime) -> None:
    info = zipfile.ZipInfo(name, now.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _add_resource(resources: etree._Element, name: str, item: WritableItem, pictures: list[str]) -> None:
    path = f"items/{name}.xml"
    resource = sub(resources, "resource", identifier=name, type="imsqti_item_xmlv3p0", href=path)
    lom = etree.SubElement(sub(resource, "metadata"), f"{{{_LOM}}}lom")
    if item.reference:
        _lom(lom, "general", "identifier", "entry").text = item.reference
    if item.difficulty:
        difficulty = _lom(lom, "educational", "difficulty")
        _lom(difficulty, "source").text = "LOMv1.0"
        _lom(difficulty, "value").text = _STEPS[str(item.difficulty)]
    if item.source:
        relation = _lom(lom, "relation")
        _lom(relation, "kind", "value").text = "isbasedon"
        _lom(relation, "resource", "description", "string").text = item.source
    if item.topic_code:
        classification = _lom(lom, "classification")
        _lom(classification, "purpose", "value").text = "educational objective"
        _lom(classification, "taxonPath", "taxon", "id").text = item.topic_code
    for picture in [path, *pictures]:
        sub(resource, "file", href=picture)


def _lom(parent: etree._Element, *path: str) -> etree._Element:
    for name in path:
        parent = etree.SubElement(parent, f"{{{_LOM}}}{name}")
    return parent


def _item_xml(item: WritableItem, identifier: str, source: Callable[[str], str], mark: Mark | None) -> bytes:
    root = etree.Element(f"{{{QTI}}}qti-assessment-item", nsmap={None: QTI}, identifier=identifier, title=title_of(item))
    root.set("adaptive", "false")
    root.set("time-dependent", "false")
    root.set(f"{{{_XML}}}lang", "zh-CN")
    root.set("tool-name", "Jikao")
    declare(root, item)
    sub(root, "qti-outcome-declaration", identifier="SCORE", cardinality="single", base_type="float")
    if rationale_of(item):
        sub(root, "qti-outcome-declaration", identifier="FEEDBACK", cardinality="single", base_type="identifier")
    body = sub(root, "qti-item-body")
    stem = filled(body, "div", stem_html(item, source))
    for name, text in _own_data(item, mark).items():
        stem.set(f"data-jikao-{name}", text)
    ask(body, item, source)
    process(root, item)
    if rationale_of(item):
        feedback = sub(root, "qti-modal-feedback")
        feedback.set("outcome-identifier", "FEEDBACK")
        feedback.set("identifier", RATIONALE)
        feedback.set("show-hide", "show")
        filled(feedback, "qti-content-body", with_sources(rationale_of(item), source))
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _own_data(item: WritableItem, mark: Mark | None) -> dict[str, str]:
    texts = {
        "kind": item.body.kind,
        "topic": item.topic_code,
        "difficulty": str(item.difficulty or ""),
        "source": item.source,
        "reference": item.reference,
        "unit": write_units(item.body.unit, item.key.units if item.key is not None else ()),
        "tolerance": item.key.tolerance if item.key is not None else "",
        "export": mark.short if mark is not None else "",
    }
    return {name: text for name, text in texts.items() if text}
