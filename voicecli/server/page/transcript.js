// What was said, as a list that grows. Belongs here: the list. Does not belong here: where words come from.

const list = document.querySelector("#transcript");
const entries = new Map();

function entry(id, role) {
  let found = entries.get(id);
  if (!found) {
    found = document.createElement("li");
    found.className = `${role} open`;
    entries.set(id, found);
    list.append(found);
  }
  return found;
}

/** More words of an item. */
export function grow(id, role, text) {
  entry(id, role).textContent += text;
  list.parentElement.scrollTo(0, list.parentElement.scrollHeight);
}

/** All words of an item; none: it disappears. */
export function finish(id, role, text) {
  if (!text) return drop(id);
  const found = entry(id, role);
  found.textContent = text;
  found.classList.remove("open");
}

/** An item that was interrupted. */
export const cut = (id) => entries.get(id)?.classList.add("cut");

export function drop(id) {
  entries.get(id)?.remove();
  entries.delete(id);
}
