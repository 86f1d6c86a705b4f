import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Type } from '@nestjs/common';
import { MCP_TOOL_METADATA_KEY } from '@rekog/mcp-nest';
import { describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import * as modules from '../../src/tools/index.js';

const TOOLS = join(packagePaths.root, 'src/tools');
const domains = readdirSync(TOOLS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ domain: name, subject: pascalCase(name) }));

it('every domain is one line of src/tools/index.ts', () => {
  const lines = readFileSync(join(TOOLS, 'index.ts'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('export'));
  const expected = domains.map(
    ({ domain, subject }) => `export { ${subject}Module } from './${domain}/${domain}.module.js';`,
  );
  expect(domains).not.toHaveLength(0);
  expect(lines.toSorted()).toEqual(expected.toSorted());
});

describe.each(domains)('$domain', ({ domain, subject }) => {
  it('a domain has the files of its kind', () => {
    const files = readdirSync(join(TOOLS, domain));
    const kinds = ['module', 'tools', 'service', 'schemas', 'service.spec'];
    expect(files).toEqual(expect.arrayContaining(kinds.map((kind) => `${domain}.${kind}.ts`)));
  });

  it('a domain has one name in all spellings', () => {
    const module = (modules as Record<string, Type>)[`${subject}Module`];
    const [tools] = Reflect.getMetadata('controllers', module ?? Object) as Type<object>[];
    expect(tools?.name).toBe(`${subject}Tools`);
    const methods = Object.getOwnPropertyNames(tools?.prototype).filter((name) => name !== 'constructor');
    for (const method of methods) expect(toolName(tools, method)).toBe(snakeCase(method));
    expect(methods).not.toHaveLength(0);
  });
});

function toolName(tools: Type<object> | undefined, method: string): unknown {
  const declared: unknown = Reflect.get(tools?.prototype as object, method);
  return (Reflect.getMetadata(MCP_TOOL_METADATA_KEY, declared as object) as { name?: string } | undefined)
    ?.name;
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
