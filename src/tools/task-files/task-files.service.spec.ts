import { expect, it } from 'vitest';

import { recordingUpstream, someCaller } from '../../../test/support/recording-upstream.js';
import type { FileTransfer } from '../../upstream/index.js';
import { TaskFilesService } from './task-files.service.js';

const ID = '018f0000-0000-7000-8000-000000000001';

it('TaskFilesService stores a text by POST /r/files/presign and a PUT to the link', async () => {
  const upload_headers = { 'If-None-Match': '*' };
  const { client, asked, sent } = recordingUpstream({
    file_key: 'k',
    upload_url: 'http://store/k',
    upload_headers,
  });
  const stored: object[] = [];
  Object.assign(client, { has: () => Promise.resolve(false) });
  const transfer = {
    put: (_caller: unknown, link: object, bytes: Buffer) => {
      stored.push({ ...link, text: bytes.toString() });
      return Promise.resolve();
    },
  } as unknown as FileTransfer;
  const file = { file_name: 'a.md', content_type: 'text/markdown', text: 'Grüße' };
  expect(await new TaskFilesService(client, transfer).upload(someCaller, file)).toEqual({
    file_key: 'k',
    file_size: 7,
  });
  expect(asked).toEqual(['POST /r/files/presign']);
  expect(sent[0]?.body).toEqual({ file_name: 'a.md', content_type: 'text/markdown', file_size: 7 });
  expect(stored).toEqual([{ url: 'http://store/k', headers: upload_headers, text: 'Grüße' }]);
});

it('TaskFilesService stores a text by POST /r/files where the runtime can', async () => {
  const { client, asked, sent } = recordingUpstream({ file_key: 'k', file_size: 5 });
  Object.assign(client, { has: () => Promise.resolve(true) });
  const file = { file_name: 'a.md', content_type: 'text/markdown', text: 'a\ud800b' };
  const files = new TaskFilesService(client, {} as FileTransfer);
  expect(await files.upload(someCaller, file)).toEqual({ file_key: 'k', file_size: 5 });
  expect(asked).toEqual(['POST /r/files']);
  expect(sent[0]?.body).toEqual({
    file_name: 'a.md',
    content_type: 'text/markdown',
    content_text: 'a\ufffdb',
  });
});

it('TaskFilesService finds the outputs of a task by GET /r/tasks/{id}/result', async () => {
  const answer = { id: ID, download_urls: { 'a.txt': 'http://store/a' } };
  const { client, asked } = recordingUpstream(answer);
  expect(await new TaskFilesService(client, {} as FileTransfer).result(someCaller, ID)).toEqual(answer);
  expect(asked).toEqual([`GET /r/tasks/${ID}/result`]);
});
