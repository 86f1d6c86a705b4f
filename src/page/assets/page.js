// The page works without this: it only copies, and writes other URLs.
const { endpoint: served, public: isPublic } = document.body.dataset;
const path = new URL(served).pathname;
let shown = served;

/** Writes another URL into every snippet and link. */
function show(endpoint) {
  for (const code of document.querySelectorAll('.copyable code'))
    code.textContent = code.textContent.replaceAll(shown, endpoint);
  for (const link of document.querySelectorAll('a[data-client]'))
    link.href = { cursor: cursorLink, vscode: vscodeLink }[link.dataset.client](link.href, endpoint);
  shown = endpoint;
}

function cursorLink(href, endpoint) {
  const url = new URL(href);
  const config = JSON.parse(atob(url.searchParams.get('config')));
  const changed = btoa(JSON.stringify({ ...config, url: endpoint }));
  return `${href.slice(0, href.indexOf('config='))}config=${encodeURIComponent(changed)}`;
}

function vscodeLink(href, endpoint) {
  const [start, text] = [href.slice(0, href.indexOf('?') + 1), href.slice(href.indexOf('?') + 1)];
  const config = JSON.parse(decodeURIComponent(text));
  return start + encodeURIComponent(JSON.stringify({ ...config, url: endpoint }));
}

function chosenEndpoint() {
  const base = isPublic === 'true' ? served : location.origin + path;
  const chosen = [...document.querySelectorAll('input[name=toolset]:checked')].map(({ value }) => value);
  return chosen.length > 0 ? `${base}?toolsets=${chosen.join(',')}` : base;
}

async function copy(button) {
  const code = button.parentElement.querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    say(button, 'Copied', 'Copied.');
  } catch {
    // Without HTTPS a page may not write to the clipboard.
    getSelection().selectAllChildren(code);
    const keys = /Mac|iP/.test(navigator.platform) ? '⌘C' : 'Ctrl-C';
    say(button, `Press ${keys}`, `The text is selected. Press ${keys} to copy it.`);
  }
}

let timer;
/** Shows what has happened on the button for a while; the label that screen readers have for it stays the same. */
function say(button, short, spoken) {
  clearTimeout(timer);
  for (const other of document.querySelectorAll('.copyable button')) other.textContent = 'Copy';
  button.textContent = short;
  document.querySelector('[role=status]').textContent = spoken;
  timer = setTimeout(() => {
    button.textContent = 'Copy';
    document.querySelector('[role=status]').textContent = '';
  }, 5000);
}

document.addEventListener('click', ({ target }) => {
  if (target instanceof HTMLButtonElement && target.closest('.copyable')) void copy(target);
});
document.addEventListener('change', ({ target }) => {
  if (target instanceof HTMLInputElement && target.name === 'toolset') show(chosenEndpoint());
});
show(chosenEndpoint());
