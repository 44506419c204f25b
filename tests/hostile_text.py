"""Text made of what breaks readers: pieces of markup, of LaTeX and of Unicode's corners."""

from hypothesis import strategies as st

PIECES = [
    *"<>&;{}$\\^_~`'\"[]()#% ab1A",
    "<b>", "</b>", "<b ", "<<b>b>", "<!--", "-->", "<sup>1</sup>", "<a href=", "<![CDATA[", "]]>", "<x y=",
    "&amp;", "&lt;", "&#x3c;", "&#0;", "&amp;amp;", "\\alpha", "\\foo{", "\\textbf{", "{\\em ", "\\(", "\\)",
    "$x^{a_{b}}$", "\\frac", "\\cite{a}", "\\href{", "\\textcolor[a]{b}", "\\textsuperscript{", "texttt{",
    "1times", "{alpha", "https://a.b/", "\\\"", "\\'e", "\u0301", "\u0344", "\u202e", "\ud800", "\ude00",
    "\u2028", "\x85", "\0", "ﬀ", "Å", "\u0600", "😀", "が",
]  # fmt: skip
hostile_text = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=40).map("".join)
