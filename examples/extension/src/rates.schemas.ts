import { z } from 'zod';

const currency = (meaning: string) =>
  z.string().length(3).describe(`${meaning}: three letters, as list_currencies has them`);

export const listCurrenciesInput = z.object({});
export const currencies = z.object({
  currencies: z.record(z.string(), z.string()).describe('The name of each currency, by its three letters'),
});
export type Currencies = z.infer<typeof currencies>;

export const convertAmountInput = z.object({
  amount: z.number().min(0).describe('The amount to convert'),
  from: currency('Currency of the amount'),
  to: currency('Currency that is wanted'),
});
export type ConvertAmountInput = z.infer<typeof convertAmountInput>;

export const conversion = z.object({
  amount: z.number().describe('The amount in the wanted currency'),
  rate: z.number().describe('What one unit of the first currency costs'),
  date: z.string().describe('The day of the rate'),
});
export type Conversion = z.infer<typeof conversion>;
