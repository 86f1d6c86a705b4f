import { Injectable, Logger } from '@nestjs/common';
import { ToolError } from 'cyberun-mcp/extension';
import { z } from 'zod';

const ADDRESS = process.env['RATES_URL'] ?? 'https://api.frankfurter.dev/v1';
const DEADLINE_MS = 10_000;

const currenciesAnswer = z.record(z.string(), z.string());
const rateAnswer = z.object({ date: z.string(), rates: z.record(z.string(), z.number()) });

/** The REST API of the rates, one method per endpoint. */
@Injectable()
export class RatesService {
  private readonly logger = new Logger('Rates');

  currencies(signal: AbortSignal): Promise<Record<string, string>> {
    return this.get('currencies', currenciesAnswer, signal);
  }

  async rate(from: string, to: string, signal: AbortSignal): Promise<{ rate: number; date: string }> {
    const query = new URLSearchParams({ base: from, symbols: to });
    const { rates, date } = await this.get(`latest?${query}`, rateAnswer, signal);
    const rate = rates[to];
    if (rate === undefined)
      throw new ToolError(`There is no rate from ${from} to ${to}. See list_currencies.`);
    return { rate, date };
  }

  /** A model reads the text of a ToolError; of any other error it gets a reference, and the log has the text. */
  private async get<Answer>(path: string, answer: z.ZodType<Answer>, signal: AbortSignal): Promise<Answer> {
    const response = await fetch(`${ADDRESS}/${path}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    }).catch((error: unknown) => {
      this.logger.warn(error);
      throw new ToolError('The rates cannot be reached now. Try again in a minute.');
    });
    if (response.status === 404)
      throw new ToolError('One of the currencies is unknown. See list_currencies.');
    if (!response.ok) throw new ToolError(`The rates are not available now (status ${response.status}).`);
    return answer.parse(await response.json());
  }
}
