// The contact sheet: pictures with what was found on them, to be looked through and struck out.
// What is struck out is a list of [picture, class, box]; it is kept in this browser until it is saved as a file.
"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const key = (row) => JSON.stringify(row);
  const store = `struck ${data.folder}`;
  const struck = new Map(data.struck.map((row) => [key(row), row]));
  try {
    // Since the sheet was made: true is struck, false is not any more
    for (const [said, gone] of Object.entries(JSON.parse(localStorage.getItem(store) ?? "{}"))) {
      if (gone) struck.set(said, JSON.parse(said));
      else struck.delete(said);
    }
  } catch {
    // A browser that keeps nothing for files: the list lasts as long as the page
  }
  const remember = (said, gone) => {
    try {
      const kept = JSON.parse(localStorage.getItem(store) ?? "{}");
      localStorage.setItem(store, JSON.stringify({ ...kept, [said]: gone }));
    } catch {
      // as above
    }
  };

  const cards = data.pictures.map((picture) => {
    const card = document.createElement("article");
    const frame = document.createElement("div");
    frame.className = "frame";
    const image = document.createElement("img");
    Object.assign(image, { src: picture.thumb, width: picture.size[0], height: picture.size[1], alt: picture.name });
    const drawn = svg("svg", { viewBox: `0 0 ${picture.size[0]} ${picture.size[1]}` });
    frame.append(image, drawn);
    const title = document.createElement("h2");
    title.textContent = picture.name;
    const labels = document.createElement("div");
    labels.className = "labels";
    card.append(frame, title);
    if (picture.caption) {
      const caption = document.createElement("p");
      caption.textContent = picture.caption;
      card.append(caption);
    }
    if (!picture.regions.length) {
      const nothing = document.createElement("p");
      nothing.textContent = "nothing found";
      card.append(nothing);
    }
    card.append(labels);
    const regions = picture.regions.map((region) => {
      const row = [picture.name, data.classes[region.class], region.box];
      const colour = data.colours[region.class % data.colours.length];
      const [x1, y1, x2, y2] = region.box.map((number) => number * picture.scale);
      const shapes = [svg("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: colour })];
      if (region.path) shapes.push(svg("path", { d: region.path, stroke: colour, fill: colour }));
      const button = document.createElement("button");
      button.type = "button";
      button.style.borderColor = colour;
      const score = region.score === null ? "" : ` ${region.score.toFixed(2)}`;
      button.textContent = `${row[1]}${score}${region.note ? ` (${region.note})` : ""}`;
      const show = () => {
        const gone = struck.has(key(row));
        button.setAttribute("aria-pressed", gone);
        for (const shape of shapes) shape.classList.toggle("struck", gone);
      };
      const toggle = () => {
        const said = key(row);
        if (!struck.delete(said)) struck.set(said, row);
        remember(said, struck.has(said));
        show();
        count();
      };
      for (const element of [...shapes, button]) element.addEventListener("click", toggle);
      drawn.append(...shapes);
      labels.append(button);
      show();
      return { ...region, row, elements: [...shapes, button] };
    });
    find("sheet").append(card);
    return { card, regions };
  });

  const count = () => {
    const shown = cards.filter(({ card }) => !card.hidden).length;
    find("counts").textContent = `${data.count} pictures, ${data.found} found, ${struck.size} struck out; ${shown} shown here.`;
  };
  const filter = () => {
    const wanted = find("class").value;
    const most = Number(find("score").value);
    find("most").textContent = most < 1 ? most.toFixed(2) : "any";
    for (const { card, regions } of cards) {
      let shown = 0;
      for (const region of regions) {
        const fits =
          (wanted === "" || region.class === Number(wanted)) &&
          (most >= 1 || (region.score !== null && region.score <= most)) &&
          (!find("gone").checked || struck.has(key(region.row)));
        for (const element of region.elements) element.style.display = fits ? "" : "none";
        shown += fits ? 1 : 0;
      }
      const all = wanted === "" && most >= 1 && !find("gone").checked;
      card.hidden = find("nothing").checked ? regions.length > 0 : shown === 0 && !(all && regions.length === 0);
    }
    count();
  };
  data.classes.forEach((name, number) => find("class").append(new Option(name, number)));
  find("filter").addEventListener("input", filter);
  find("filter").addEventListener("submit", (event) => event.preventDefault());
  find("save").addEventListener("click", () => {
    const rows = [...struck.values()].map((row) => JSON.stringify(row));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`[${rows.join(",\n")}]\n`], { type: "application/json" }));
    link.download = "struck.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  for (let page = 1; data.pages > 1 && page <= data.pages; page++) {
    const link = document.createElement("a");
    link.href = page === 1 ? "index.html" : `index-${page}.html`;
    link.textContent = page === data.page ? `[${page}]` : page;
    find("pages").append(link);
  }
  const passed = find("passed");
  passed.hidden = !data.passed.length;
  passed.querySelector("summary").textContent = `${data.passed.length} passed over`;
  for (const [name, why] of data.passed) {
    const item = document.createElement("li");
    item.textContent = `${name}: ${why}`;
    passed.querySelector("ul").append(item);
  }
  filter();
}
