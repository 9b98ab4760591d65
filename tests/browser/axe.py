"""axe-core in a page of tests/chromium.py: what it finds against WCAG 2 A, AA and its best practices.

The package axe-core-python (MIT) carries axe.min.js (MPL-2.0) and needs nothing else. AXE names another file
in its place, such as that of a newer release.
"""

import os
from importlib.resources import files
from pathlib import Path

AXE = Path(os.environ.get("AXE") or str(files("axe_core_python") / "axe.min.js"))
# What a closed <details> hides is hidden, which releases before 4.7 do not know.
RUN = """(async () => {
  const folded = [...document.querySelectorAll("details:not([open]) > :not(summary)")];
  const unseen = folded.filter(part => !part.hidden && !part.checkVisibility());
  unseen.forEach(part => { part.hidden = true; });
  const found = await axe.run(document, {resultTypes: ["violations"]});
  unseen.forEach(part => { part.hidden = false; });
  const reason = (rule, node) => [...node.any, ...node.all, ...node.none][0]?.message || rule.help;
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.target.join(" ")}: ${reason(rule, node)}`));
})()"""


def violations(page):
    """What axe finds in the page as it is now: `rule: selector: reason`, one for each element."""
    if not page.run("typeof axe === 'object'"):
        page.run(AXE.read_text(encoding="utf-8") + "\n;0")
    return page.run(RUN)
