import { UseGuards } from '@nestjs/common';
import {
  advertised,
  Ctx,
  McpController,
  outputOf,
  READS,
  Tool,
  ToolContext,
  ToolInput,
} from 'cyberun-mcp/extension';

import { QuotaGuard } from './quota.guard.js';
import {
  type Conversion,
  conversion,
  type ConvertAmountInput,
  convertAmountInput,
  type Currencies,
  currencies,
  listCurrenciesInput,
} from './rates.schemas.js';
import { RatesService } from './rates.service.js';

/** They only read, and what they read belongs to others. */
const HINTS = { ...READS, openWorldHint: true };

@McpController()
export class RatesTools {
  constructor(private readonly rates: RatesService) {}

  @Tool({
    name: 'list_currencies',
    description: 'List the currencies that have an exchange rate, with their names.',
    parameters: advertised(listCurrenciesInput),
    outputSchema: advertised(outputOf(currencies)),
    annotations: { title: 'List currencies', ...HINTS },
  })
  async listCurrencies(
    @ToolInput(listCurrenciesInput) _input: object,
    @Ctx() { caller }: ToolContext,
  ): Promise<Currencies> {
    return { currencies: await this.rates.currencies(caller.signal) };
  }

  @Tool({
    name: 'convert_amount',
    description:
      'Convert an amount of money into another currency at the last rate of the European Central Bank.',
    parameters: advertised(convertAmountInput),
    outputSchema: advertised(outputOf(conversion)),
    annotations: { title: 'Convert an amount', ...HINTS },
  })
  @UseGuards(QuotaGuard)
  async convertAmount(
    @ToolInput(convertAmountInput) { amount, from, to }: ConvertAmountInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<Conversion> {
    const { rate, date } = await this.rates.rate(from.toUpperCase(), to.toUpperCase(), caller.signal);
    return { amount: Number((amount * rate).toFixed(2)), rate, date };
  }
}
