import { Controller, Get, Inject, NotFoundException, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import { CONFIG, type Config, packagePaths, servesConsole } from '../../config/index.js';
import { StaticFiles } from '../../http/index.js';
import { consolePolicy } from './console-policy.js';

const PAGE = 'console.html';
/** For who asks for it all the same. */
export const CONSOLE_OFF = 'The console is switched off here: CYBERUN_CONSOLE is off.';
const NOT_BUILT =
  'The console is not built. Run "npm run build" in the folder of cyberun-mcp, then start the server again.';

/** The console: the built page and its files. Everything it shows it reads from the REST API. */
@Controller('console')
export class ConsoleController {
  private readonly files: StaticFiles;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.files = new StaticFiles(packagePaths.web, {
      'Content-Security-Policy': consolePolicy(config),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'X-Frame-Options': 'DENY',
    });
  }

  @Get()
  async page(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!servesConsole(this.config)) throw new NotFoundException(CONSOLE_OFF);
    // The page names its files relative to itself, so that a proxy may serve it below any path.
    if (!request.path.endsWith('/')) response.redirect(308, 'console/');
    else if (!(await this.files.send(PAGE, request, response))) notBuilt(request, response);
  }

  @Get('*path')
  async file(@Req() request: Request, @Res() response: Response): Promise<void> {
    const path = request.path.slice('/console/'.length);
    const isAsset = path.startsWith('assets/') && servesConsole(this.config);
    if (!isAsset || !(await this.files.send(path, request, response)))
      throw new NotFoundException(`Cannot GET ${request.path}`);
  }
}

function notBuilt(request: Request, response: Response): void {
  response.status(404);
  if (request.accepts(['json', 'html']) === 'html') response.type('text/plain').send(`${NOT_BUILT}\n`);
  else response.json({ error_message: NOT_BUILT });
}
