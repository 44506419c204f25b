"""What a browser would send of a form on a page."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["fields_of", "problem_beside"]

Fields = dict[str, list[str]]


def fields_of(page: str, form: str = "#wishes") -> Fields:
    """The fields of a form as they stand, by name; files and buttons left out."""
    found: Fields = {}
    tree = LexborHTMLParser(page)
    node = tree.css_first(f"form{form}")
    assert node is not None, f"there is no form {form}"
    for field in node.css("input, textarea, select"):
        name, value = field.attributes.get("name"), _value(field)
        if name and value is not None:
            found.setdefault(name, []).append(value)
    return found


def _value(field: LexborNode) -> str | None:
    given = field.attributes
    if field.tag == "textarea":
        return field.text().removeprefix("\n").replace("\n", "\r\n")
    if field.tag == "select":
        options = field.css("option")
        chosen = [one for one in options if "selected" in one.attributes] or options
        return chosen[0].attributes.get("value") or ""
    if given.get("type") in ("checkbox", "radio"):
        return (given.get("value") or "on") if "checked" in given else None
    return None if given.get("type") in ("file", "submit") else given.get("value") or ""


def problem_beside(page: str, name: str) -> str:
    """What is told of the field of that id, to whom it is described by; empty for nothing."""
    tree = LexborHTMLParser(page)
    field = tree.css_first(f"#{name}")
    assert field is not None, f"there is no field {name}"
    about = field.attributes.get("aria-describedby") or ""
    told = [node.text().strip() for one in about.split() if (node := tree.css_first(f"#{one}")) is not None]
    return " ".join(told)
