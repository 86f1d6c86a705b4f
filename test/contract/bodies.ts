import type { Type } from '@nestjs/common';
import type { z } from 'zod';

import { invokeRequest, presignRequest, runRequest } from '../../src/contract/index.js';
import { InvokeBodyDto } from '../../src/runtime/containers/invoke-body.dto.js';
import { PresignBodyDto } from '../../src/runtime/rest/files.controller.js';
import { PageQueryDto } from '../../src/runtime/rest/page-query.dto.js';
import { TaskQueryDto } from '../../src/runtime/rest/task-query.dto.js';
import { RunBodyDto } from '../../src/runtime/rest/workflows.controller.js';
import { pageInput } from '../../src/tools/tool-definition.js';
import { listTasksInput } from '../../src/tools/tasks/tasks.schemas.js';

/** What is asked of the runtime, as its client describes it and as it checks it itself. */
interface Contract {
  readonly name: string;
  /** Where the runtime reads it; default `body`. */
  readonly type?: 'body' | 'query';
  readonly schema: z.ZodType;
  readonly dto: Type<object>;
  readonly accepted: readonly object[];
  readonly rejected: readonly object[];
}

const file = { file_name: 'a.png', file_size: 3, content_type: 'image/png' };
const call = { method: 'GET', path: '/v1/items?limit=5' };

/** One table for both descriptions, so that they cannot drift apart. */
export const BODIES: readonly Contract[] = [
  {
    name: 'the file of an upload',
    schema: presignRequest,
    dto: PresignBodyDto,
    accepted: [file, { ...file, file_size: 0 }, { ...file, file_name: 'ü ?.bin' }],
    rejected: [
      {},
      { ...file, file_name: '' },
      { ...file, file_name: 7 },
      { ...file, file_name: 'x'.repeat(256) },
      { ...file, file_size: -1 },
      { ...file, file_size: 1.5 },
      { ...file, file_size: '3' },
      { ...file, content_type: '' },
      { file_name: 'a', file_size: 1 },
    ],
  },
  {
    name: 'the body of a run',
    schema: runRequest,
    dto: RunBodyDto,
    accepted: [
      {},
      { parameters: {} },
      { parameters: { prompt: 'x', deep: { a: [1] } } },
      { parameters: { a: 1 }, dispatch_target: 'agent', target_pool: 'team' },
    ],
    rejected: [
      { parameters: 'x' },
      { parameters: ['x'] },
      { parameters: 7 },
      { dispatch_target: 7 },
      { target_pool: {} },
      { submitter_region: ['us'] },
      { tool_type: 'x'.repeat(101) },
    ],
  },
  {
    name: 'the call of a service',
    schema: invokeRequest,
    dto: InvokeBodyDto,
    accepted: [
      call,
      { ...call, path: '/' },
      { ...call, method: 'OPTIONS', body_base64: '' },
      { ...call, method: 'POST', body_base64: 'AP8=', headers: { 'Content-Type': 'a/b', 'x-empty': '' } },
      { ...call, headers: { 'X-A': 'a'.repeat(16_000), 'X-B': 'b'.repeat(16_000) } },
    ],
    rejected: [
      {},
      { method: 'GET' },
      { path: '/' },
      { ...call, method: 'TRACE' },
      { ...call, method: 'get' },
      { ...call, path: 'v1' },
      { ...call, path: '//evil.example.com/' },
      { ...call, path: '/\\evil.example.com' },
      { ...call, path: 'https://evil.example.com/' },
      { ...call, path: '/a b' },
      { ...call, path: '/a\r\nX-Evil: 1' },
      { ...call, path: `/${'x'.repeat(8192)}` },
      { ...call, body_base64: 'not base64' },
      { ...call, body_base64: 'AP8' },
      { ...call, body_base64: 7 },
      { ...call, headers: ['x'] },
      { ...call, headers: { 'X-A': ['a', 'b'] } },
      { ...call, headers: { 'X A': 'a' } },
      { ...call, headers: { 'X-A': 'a\r\nX-Evil: 1' } },
      { ...call, headers: { 'X-A': 'a'.repeat(32_768) } },
    ],
  },
  {
    name: 'the page of a list',
    type: 'query',
    schema: pageInput,
    dto: PageQueryDto,
    accepted: [{}, { current_page: 1 }, { current_page: 1_000_000, per_page: 100 }, { per_page: 1 }],
    rejected: [
      { current_page: 0 },
      { current_page: 1.5 },
      { current_page: 'two' },
      { per_page: 0 },
      { per_page: 101 },
      { per_page: {} },
    ],
  },
  {
    name: 'the list of tasks asked for',
    type: 'query',
    schema: listTasksInput,
    dto: TaskQueryDto,
    accepted: [{}, { status: 'pending' }, { status: 'cancelled', per_page: 5 }],
    rejected: [{ status: 'provisioning' }, { status: '' }, { status: ['failed'] }, { per_page: 101 }],
  },
];
