// What is wrong with the layout of the page, as texts. Texts that can be seen are boxes, none of which may cover
// another one, or lie beyond the window; what a person scrolls to inside the page is left out.
(() => {
  const width = document.documentElement.clientWidth, found = [], boxes = [];
  const name = (node) => {
    const one = node.nodeType === 1 ? node : node.parentElement;
    const where = one.closest("[id]");
    return `${where ? "#" + where.id + " " : ""}${one.nodeName.toLowerCase()}${[...one.classList].map((c) => "." + c).join("")}`;
  };
  const style = new Map();
  const of = (one) => { if (!style.has(one)) style.set(one, getComputedStyle(one)); return style.get(one); };
  const scrolls = new Map();
  const isScrolled = (one) => { // inside of what scrolls, or is cut, sideways
    if (!one || one === document.body) return false;
    if (!scrolls.has(one)) scrolls.set(one, of(one).overflowX !== "visible" || isScrolled(one.parentElement));
    return scrolls.get(one);
  };
  const isOver = (one) => { // a box that opens over the page, and is meant to cover it
    for (let up = one; up && up !== document.body; up = up.parentElement) {
      if (/absolute|fixed/.test(of(up).position) && Number(of(up).zIndex) >= 2) return true;
    }
    return false;
  };
  const total = document.documentElement.scrollWidth;
  if (total > width) {
    const wide = [...document.body.querySelectorAll("*")]
      .filter((one) => one.getBoundingClientRect().right > width + 1 && !isScrolled(one.parentElement));
    found.push(`scrolls sideways, ${total} px: ${wide.slice(-3).map(name).join(", ")}`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement, text = node.data.trim();
    if (!text || !parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (parent.closest("script, style, noscript, template, option, title, textarea")) continue;
    range.selectNodeContents(node);
    for (const { left, right, top, bottom } of range.getClientRects()) {
      if (right - left < 2 || bottom - top < 2) continue;
      const isCut = isScrolled(parent);
      if ((right > width + 1 || left < -1) && !isCut) found.push(`beyond the window: ${name(node)} ${text.slice(0, 40)}`);
      if (parent.closest(".unseen, .skip") || isOver(parent)) continue;
      const quarter = (bottom - top) / 4; // the height of a line is less than that of its letters
      if (!isCut) boxes.push({ node, text, left: left + 1, right: right - 1, top: top + quarter, bottom: bottom - quarter });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  for (let first = 0; first < boxes.length && found.length < 20; first++) {
    const a = boxes[first];
    for (let second = first + 1; second < boxes.length && boxes[second].top < a.bottom; second++) {
      const b = boxes[second];
      if (a.node !== b.node && a.left < b.right && b.left < a.right && a.right > a.left && b.right > b.left) {
        found.push(`overlap: ${name(a.node)} "${a.text.slice(0, 30)}" and ${name(b.node)} "${b.text.slice(0, 30)}"`);
      }
    }
  }
  for (const card of document.querySelectorAll(".card, .tile")) {
    if (card.checkVisibility() && card.scrollWidth > card.clientWidth + 1 && of(card).overflowX === "visible") {
      found.push(`wider than its card: ${name(card)} ${card.scrollWidth} > ${card.clientWidth}`);
    }
  }
  return [...new Set(found)].slice(0, 20);
})()
