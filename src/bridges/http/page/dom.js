// Elements, and tables whose rows are used again.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** An element with a class, and children or text. */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Sets text only where it differs, so that nothing is drawn again for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Longest number that is not broken into lines, in characters. */
const WHOLE_MAX = 11;

/** Text for a number: a long one may go on in the next line, between two groups of digits. */
export function numeral(text) {
  const fragment = document.createDocumentFragment();
  if (text.length <= WHOLE_MAX) {
    fragment.append(text);
    return fragment;
  }
  text.split(/(?<=,)/).forEach((group, index) => {
    if (index > 0) fragment.append(document.createElement('wbr'));
    fragment.append(group);
  });
  return fragment;
}

/** Sets a number as text, only where it differs. */
export function setNumeral(element, text) {
  if (element.textContent !== text) element.replaceChildren(numeral(text));
}

/** A button that looks like a link. */
export function link(text, act) {
  const button = make('button', 'link', text);
  button.type = 'button';
  button.addEventListener('click', act);
  return button;
}

/**
 * Fills the body of a table: `rows` of cells, each a text, or an object with `text`, `className`
 * and `act`. Rows and cells that are there already are used again.
 */
export function fillRows(body, rows) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, index) => {
    const row = body.rows[index] ?? body.insertRow();
    cells.forEach((cell, column) => fillCell(row, column, cell));
  });
}

function fillCell(row, column, cell) {
  const { text, className = '', act = null, meter = null } =
    typeof cell === 'string' ? { text: cell } : cell;
  const element = row.cells[column] ?? row.insertCell();
  if (element.className !== className) element.className = className;
  if (meter !== null) return fillMeter(element, meter, text);
  if (act === null) {
    return className.startsWith('number') ? setNumeral(element, text) : setText(element, text);
  }
  let button = element.firstElementChild;
  if (!button) {
    button = link('', () => button.act());
    element.replaceChildren(button);
  }
  button.act = act;
  setText(button, text);
}

/** A bar and its number. */
function fillMeter(element, share, text) {
  if (!element.firstElementChild) {
    const meter = make('meter');
    Object.assign(meter, { min: 0, max: 1, low: 0.8, high: 0.95, optimum: 0 });
    element.replaceChildren(meter, make('span'));
  }
  element.firstElementChild.value = share;
  setText(element.lastElementChild, text);
}
