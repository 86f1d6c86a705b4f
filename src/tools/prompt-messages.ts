import type { GetPromptResult } from '@modelcontextprotocol/server';
import { z } from 'zod';

const LONGEST_REQUEST = 10_000;

/** The argument of a prompt for what the user wants. */
export const requestArgument = z.string().max(LONGEST_REQUEST).optional();

/** A prompt of one message by the user: paragraphs, and the steps to take. */
export function askingFor(
  wanted: readonly (string | undefined)[],
  steps: readonly string[],
): GetPromptResult {
  const numbered = steps.map((step, index) => `${index + 1}. ${step}`).join('\n');
  const text = [...wanted.filter((paragraph) => paragraph !== undefined), numbered].join('\n\n');
  return { messages: [{ role: 'user', content: { type: 'text', text } }] };
}
