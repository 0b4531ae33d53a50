const box = document.getElementById("search");
const list = document.getElementById("found");

// every word must occur; a hit in the title counts before a hit in the text
function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return window.PAGES
    .map((page) => {
      const title = page.t.toLowerCase();
      const all = words.every((w) => title.includes(w) || page.w.includes(w));
      const score = words.reduce((n, w) => n + (title === w ? 8 : title.startsWith(w) ? 4 : title.includes(w) ? 2 : 0), 0);
      return { page, score: all ? score + 1 : 0 };
    })
    .filter((hit) => hit.score)
    .sort((a, b) => b.score - a.score)
    .slice(0, 12)
    .map((hit) => hit.page);
}

box.addEventListener("input", () => {
  list.replaceChildren(...find(box.value).map((page) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = box.dataset.up + page.u;
    link.textContent = page.t;
    item.append(link);
    return item;
  }));
});
box.addEventListener("keydown", (event) => {
  const first = list.querySelector("a");
  if (event.key === "Enter" && first) location.href = first.href;
  if (event.key === "Escape") list.replaceChildren();
});
