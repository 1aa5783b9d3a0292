"""How templates are laid out does not reach the browser."""

from flask import Flask, render_template_string


def test_a_template_is_laid_out_without_cost(app: Flask) -> None:
    source = """
    <a
      class="button"
      {% if true %}title="Open"{% endif %}
    >
      Show
      all
    </a>
    """
    assert render_template_string(source).strip() == '<a class="button" title="Open"> Show all </a>'


def test_what_is_put_into_a_template_stays_as_it_is(app: Flask) -> None:
    traceback = "Traceback:\n    raise\n\n  of"
    assert render_template_string("<pre>{{ text }}</pre>", text=traceback) == f"<pre>{traceback}</pre>"


def test_a_cell_without_content_is_empty(app: Flask) -> None:
    """The style sheet hides it on a phone."""
    source = """<td class="{{ 'wide' }}">
      {% if wanted %}
        <b>{{ wanted }}</b>
      {% endif %}
    </td> <td>
      {{ wanted }} now
    </td>"""
    assert render_template_string(source) == '<td class="wide"></td> <td> now</td>'
