import { type ClientSnippet, clientSnippets, installationOf } from '../clients/index.js';
import type { CatalogTool } from '../mcp/index.js';
import { IDENTITY } from './discovery.js';
import { html, type Html } from './html.js';

/** What the page says about this server. */
export interface PageContent {
  readonly title: string;
  readonly version: string;
  readonly endpoint: string;
  /** Whether the operator set the public URL; otherwise the page writes the origin at which it was opened. */
  readonly isPublic: boolean;
  /** Why requests are refused at the moment. */
  readonly problem: string | undefined;
  readonly tools: readonly CatalogTool[];
  /** Path of the console, where this process serves it. */
  readonly console: string | undefined;
  /** URLs of the files of the page. */
  readonly style: string;
  readonly script: string;
  readonly icon: string;
}

/** The page as a whole document: no inline script or style, no key. */
export function page(content: PageContent): string {
  const { title, style, script, icon, endpoint, isPublic } = content;
  const whole = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}: MCP endpoint</title>
        <link rel="icon" href="${icon}" />
        <link rel="stylesheet" href="${style}" />
        <script src="${script}" defer></script>
      </head>
      <body data-endpoint="${endpoint}" data-public="${String(isPublic)}">
        <main>
          ${header(content)} ${endpointSection(content)} ${clientsSection(endpoint)}
          ${toolsSection(content.tools)}
        </main>
        <p class="spoken" role="status"></p>
        <footer>cyberun-mcp ${content.version} · <a href="${IDENTITY.websiteUrl}">Documentation</a></footer>
      </body>
    </html> `;
  return whole.text;
}

const header = ({ title, icon, problem, console }: PageContent): Html =>
  html`<header>
    <img src="${icon}" alt="" width="40" height="40" />
    <h1>${title}</h1>
    <p class="status ${problem === undefined ? 'ready' : 'away'}">
      ${problem === undefined ? 'Ready' : `Not ready: ${problem}`}
    </p>
    <p class="lead">
      An MCP server. An AI agent that connects lists workflows, runs them on your machines, follows and
      fetches their results, and calls HTTP services there.
    </p>
    ${console === undefined ? undefined : consoleLine(console)}
  </header>`;

const consoleLine = (path: string): Html =>
  html`<p class="lead">
    For people: <a href="${path}">open the console</a> to run workflows and to watch tasks, services and
    agents.
  </p>`;

function endpointSection({ endpoint, tools }: PageContent): Html {
  const toolsets = [...new Set(tools.flatMap(({ toolset }) => toolset ?? []))];
  return html`<section aria-labelledby="endpoint">
    <h2 id="endpoint">Endpoint</h2>
    <p>Streamable HTTP, with an integration key (<code>sk-…</code>) as <code>Authorization: Bearer</code>.</p>
    ${copyable(endpoint, 'the endpoint')} ${toolsets.length > 0 ? picker(toolsets) : undefined}
  </section>`;
}

const picker = (toolsets: readonly string[]): Html =>
  html`<fieldset>
    <legend>More tools</legend>
    ${toolsets.map(
      (name) =>
        html`<label><input type="checkbox" name="toolset" value="${name}" /> <code>${name}</code></label> `,
    )}
    <p>The choice becomes part of every URL on this page.</p>
  </fieldset>`;

const clientsSection = (endpoint: string): Html =>
  html`<section aria-labelledby="clients">
    <h2 id="clients">Connect a client</h2>
    <p class="links">
      ${installLink('cursor', 'Add to Cursor', cursorLink(endpoint))}
      ${installLink('vscode', 'Install in VS Code', vscodeLink(endpoint))}
    </p>
    ${clientSnippets(endpoint).map(clientDetails)}
  </section>`;

const clientDetails = ({ title, file, text, hint }: ClientSnippet, index: number): Html =>
  html`<details name="client" ${index === 0 ? html` open` : undefined}>
    <summary>${title}</summary>
    ${file === undefined ? undefined : html`<p>In <code>${file}</code>:</p>`}
    ${copyable(text, `the lines for ${title}`)}
    <p>${hint}</p>
  </details> `;

const copyable = (text: string, what: string): Html =>
  html`<div class="copyable">
    <pre tabindex="0"><code>${text}</code></pre>
    <button type="button" aria-label="Copy ${what}">Copy</button>
  </div>`;

const installLink = (client: string, label: string, href: string): Html =>
  html`<a class="button" data-client="${client}" href="${href}">${label}</a>`;

/** The script builds both links again for another URL, in the same way. */
const cursorLink = (endpoint: string): string => {
  const config = Buffer.from(JSON.stringify(installationOf('cursor', endpoint))).toString('base64');
  return `cursor://anysphere.cursor-deeplink/mcp/install?name=cyberun&config=${encodeURIComponent(config)}`;
};
const vscodeLink = (endpoint: string): string =>
  `vscode:mcp/install?${encodeURIComponent(JSON.stringify(installationOf('vscode', endpoint)))}`;

const toolsSection = (tools: readonly CatalogTool[]): Html =>
  html`<section aria-labelledby="tools">
    <h2 id="tools">Tools</h2>
    <dl>${tools.map(toolEntry)}</dl>
  </section>`;

function toolEntry({ name, title, description, toolset }: CatalogTool): Html {
  const mark = toolset === undefined ? undefined : html` <span class="toolset">${toolset}</span>`;
  return html`<div>
    ${html`<dt><code>${name}</code> ${title}${mark}</dt>`}
    <dd>${description}</dd>
  </div>`;
}
