"""The row of tools over a list, and the views that they open: what can be seen, tried and kept of this ranking."""

from __future__ import annotations

from dataclasses import dataclass

from reasonrank.ui.markup import attr, esc


@dataclass(frozen=True, slots=True)
class Tool:
    """One button of the row.

    Args:
        name: For code.
        label: On the button.
        inner: Escaped HTML of the view that the button opens; None where it starts something on the server instead.
    """

    name: str
    label: str
    inner: str | None = None


def tool_parts(tools: list[Tool]) -> dict[str, str]:
    """The row and the closed views as keyed parts of the page. An empty row keeps the place of what comes later."""
    row = "".join(_button(tool) for tool in tools)
    parts = {"tools": f'<div class="rr-tools" role="group" aria-label="Tools for this list">{row}</div>'}
    return parts | {f"view-{tool.name}": _view(tool) for tool in tools if tool.inner is not None}


def _button(tool: Tool) -> str:
    if tool.inner is None:
        return f'<button type="button" class="rr-tool" data-act="{tool.name}">{esc(tool.label)}</button>'
    controls = attr("aria-controls", f"rr-view-{tool.name}")
    return (
        f'<button type="button" class="rr-tool" data-view="{tool.name}" aria-expanded="false"{controls}>'
        f"{esc(tool.label)}</button>"
    )


def _view(tool: Tool) -> str:
    title = f"rr-view-{tool.name}-title"
    return (
        f'<section class="rr-view" id="rr-view-{tool.name}" data-view="{tool.name}" aria-labelledby="{title}" hidden>'
        f'<h2 id="{title}" class="rr-sr">{esc(tool.label)}</h2>{tool.inner}</section>'
    )
