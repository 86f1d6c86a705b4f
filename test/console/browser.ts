import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where pictures of the views are written; nowhere unless it is set. */
const { CONSOLE_PICTURES } = process.env;

/** The Chromium of the machine with one page, which keeps what it complains about. */
export class TestBrowser implements AsyncDisposable {
  /** Errors of scripts, failed loads, and what the policy of the page has refused. */
  readonly complaints: string[] = [];

  private constructor(
    private readonly browser: Browser,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
  }

  static async start(): Promise<TestBrowser> {
    const browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // The sandbox of Chromium does not run as root.
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    const context = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    return new TestBrowser(browser, context, await context.newPage());
  }

  /** Fails with what axe-core finds serious in the view as it is, in both themes; and takes pictures where wanted. */
  async check(view: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      expect(await this.seriousProblems(), `${view}, ${colorScheme}`).toEqual([]);
      if (CONSOLE_PICTURES) await this.takePictures(CONSOLE_PICTURES, `${view}-${colorScheme}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
    await this.fitsPhone(view);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }

  private async seriousProblems(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResults>('axe.run({ resultTypes: ["violations"] })');
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
      );
  }

  /** At 360 pixels nothing is wider than the page. */
  private async fitsPhone(view: string): Promise<void> {
    const usual = this.page.viewportSize();
    await this.page.setViewportSize({ width: 360, height: 740 });
    const width = await this.page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width, `${view} at 360 pixels`).toBeLessThanOrEqual(360);
    if (usual) await this.page.setViewportSize(usual);
  }

  private async takePictures(folder: string, name: string): Promise<void> {
    const usual = this.page.viewportSize();
    for (const [width, height] of [
      [1280, 860],
      [360, 740],
    ] as const) {
      await this.page.setViewportSize({ width, height });
      await this.page.evaluate('scrollTo(0, 0)');
      await this.page.screenshot({ path: join(folder, `${name}-${width}.png`) });
    }
    if (usual) await this.page.setViewportSize(usual);
  }
}
