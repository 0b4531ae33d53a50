(function () {
  "use strict";
  var root = document.documentElement, errors = 0;
  function failed() { errors += 1; root.dataset.errors = String(errors); }
  root.dataset.errors = "0";
  root.classList.add("js");
  addEventListener("error", failed);
  addEventListener("unhandledrejection", failed);
  document.addEventListener("securitypolicyviolation", failed);
  var all = function (query, from) { return Array.prototype.slice.call((from || document).querySelectorAll(query)); };
  var data = JSON.parse(document.getElementById("data").textContent);

  // theme: the system's, until the reader chooses; storage may be refused for files
  var stored = null;
  try { stored = localStorage.getItem("guerdon-theme"); } catch (e) { stored = null; }
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  document.getElementById("theme").addEventListener("click", function () {
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("guerdon-theme", root.dataset.theme); } catch (e) { return; }
  });

  // one tooltip for charts and tokens; text only, never markup
  var tip = document.getElementById("tip");
  function show(event, rows) {
    tip.replaceChildren();
    rows.forEach(function (row) {
      var line = document.createElement("div");
      row.forEach(function (text) { line.appendChild(document.createElement("span")).textContent = text; });
      tip.appendChild(line);
    });
    tip.hidden = false;
    var box = tip.getBoundingClientRect(), x = event.clientX + 14, y = event.clientY + 14;
    if (x + box.width > innerWidth - 6) x = Math.max(6, event.clientX - box.width - 14);
    if (y + box.height > innerHeight - 6) y = Math.max(6, event.clientY - box.height - 14);
    tip.style.left = x + "px";
    tip.style.top = y + "px";
  }
  function hide() { tip.hidden = true; }
  addEventListener("scroll", hide, { passive: true });

  function hint(handler, event, item, value) {
    if (!value || typeof value !== "object") return hide();
    var rows = Object.keys(value).filter(function (k) { return !/^(NaN.*|null|undefined)$/.test(String(value[k])); });
    show(event, rows.map(function (k) { return [k, String(value[k])]; }));
  }
  var pending = Object.keys(data.specs).map(function (id) {
    return window.guerdonEmbed(document.getElementById(id), data.specs[id], {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, tooltip: hint, config: data.config
    }).then(function (found) { found.view.addEventListener("pointerout", hide); }, failed);
  });
  Promise.all(pending).then(function () { root.dataset.charts = String(pending.length); });

  var numbers = ["advantage", "entropy", "log-prob"];
  document.addEventListener("pointermove", function (event) {
    var at = event.target.closest ? event.target.closest(".painted .t") : null;
    if (at) {
      var rows = at.dataset.n.split("|").map(function (v, i) { return [numbers[i], v]; });
      show(event, rows.filter(function (row) { return row[1] !== ""; }));
    } else if (!event.target.closest || !event.target.closest(".chart")) hide();
  });

  // tabs with arrow keys
  var tabs = all("[role=tab]");
  function open(tab, focus) {
    tabs.forEach(function (t) {
      var on = t === tab;
      t.setAttribute("aria-selected", String(on));
      t.tabIndex = on ? 0 : -1;
      document.getElementById(t.getAttribute("aria-controls")).hidden = !on;
    });
    if (focus) tab.focus();
  }
  tabs.forEach(function (tab, i) {
    tab.addEventListener("click", function () { open(tab, false); });
    tab.addEventListener("keydown", function (event) {
      var to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      open(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  if (tabs.length) open(tabs[0], false);
  all("a[data-tab]").forEach(function (link) {
    link.addEventListener("click", function () { open(document.getElementById("tab-" + link.dataset.tab), false); });
  });

  var section = document.getElementById("samples");
  function paint() {
    var chosen = document.querySelector("input[name=paint]:checked");
    if (section) section.dataset.paint = chosen ? chosen.value : "none";
  }
  all("input[name=paint]").forEach(function (input) { input.addEventListener("change", paint); });
  paint();

  var only = document.getElementById("only");
  if (only) {
    root.classList.add("many");
    only.addEventListener("change", function () { document.getElementById("recipe").classList.toggle("onlydiff", only.checked); });
  }

  var unset = document.getElementById("unset");
  if (unset) unset.addEventListener("change", function () { document.getElementById("recipe").classList.toggle("all", unset.checked); });

  // which section is being read
  var links = all(".bar nav a");
  if ("IntersectionObserver" in window) {
    var seen = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        links.forEach(function (link) {
          if (link.getAttribute("href") === "#" + entry.target.id) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        });
      });
    }, { rootMargin: "-30% 0px -65% 0px" });
    all("main section").forEach(function (part) { seen.observe(part); });
  }
})();
