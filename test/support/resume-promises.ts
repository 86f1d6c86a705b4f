import { expect, it } from 'vitest';

import { call, McpHttp, resultOf } from './mcp-http.js';
import type { McpApp } from './mcp-app.js';
import { until } from './processes.js';
import { Talk } from './talk.js';

const OTHER_KEY = 'sk-other-0123456789abcdef';

interface Where {
  /** The replica that runs the calls. */
  readonly runs: McpApp;
  /** The one the client comes back to. */
  readonly resumes: McpApp;
}

/** What is promised to a client of 2025-11-25 that loses its connection, wherever it comes back. */
export function itKeepsItsPromises(where: () => Where): void {
  /** A talk whose stream has begun. */
  const begun = async (): Promise<Where & { talk: Talk }> => {
    const talk = await Talk.begin(where().runs);
    await talk.first.next();
    return { ...where(), talk };
  };

  it('a resumed stream begins with the missed events, followed by new ones and the result', async () => {
    const { runs, resumes } = where();
    const talk = await Talk.begin(runs);
    talk.tools.say('one', 'two');
    expect(await talk.first.words(2)).toEqual(['one', 'two']);
    talk.first.lose();
    talk.tools.say('three', 'four');

    const second = await talk.resume(resumes, talk.first.lastEventId);
    expect(second.response.headers.get('content-type')).toBe('text/event-stream');
    expect(await second.words(2)).toEqual(['three', 'four']);
    talk.tools.say('five');
    expect(await second.words(1)).toEqual(['five']);
    talk.tools.end();
    const [result, ...more] = await second.rest();
    expect(result).toMatchObject({ id: 7, result: { structuredContent: { said: 5, why: 'ended' } } });
    expect(more).toEqual([]);
  });

  it('a resumed stream has the result that came while no client was connected', async () => {
    const { resumes, talk } = await begun();
    talk.first.lose();
    const over = talk.tools.next('over');
    talk.tools.say('one');
    talk.tools.end();
    await over;

    const second = await talk.resume(resumes, talk.first.lastEventId);
    expect(await second.words(2)).toEqual(['one', { said: 1, why: 'ended' }]);
    expect(await second.rest()).toEqual([]);
  });

  it('a client may lose its connection many times without losing an event', async () => {
    const { runs, resumes } = where();
    const talk = await Talk.begin(runs);
    let connection = talk.first;
    await connection.next();
    for (let word = 0; word < 10; word += 1) {
      talk.tools.say(`before ${word}`);
      connection.lose();
      talk.tools.say(`after ${word}`);
      connection = await talk.resume(word % 2 ? runs : resumes, connection.lastEventId);
      expect(await connection.words(2)).toEqual([`before ${word}`, `after ${word}`]);
    }
    talk.tools.end();
    expect(await connection.words(1)).toEqual([{ said: 20, why: 'ended' }]);
  });

  it('a stream moves to the new connection when the old one is still open', async () => {
    const { resumes, talk } = await begun();
    talk.tools.say('one');
    const second = await talk.resume(resumes, talk.first.lastEventId);
    expect(await second.words(1)).toEqual(['one']);
    expect(await talk.first.words(1)).toEqual(['one']);
    expect(await talk.first.rest()).toEqual([]);
    talk.tools.say('two');
    talk.tools.end();
    expect(await second.words(2)).toEqual(['two', { said: 2, why: 'ended' }]);
  });

  it('a stream serves only the latest of several connections', async () => {
    const { runs, resumes, talk } = await begun();
    talk.first.lose();
    let last = await talk.resume(resumes, talk.first.lastEventId);
    for (const where of [resumes, runs, resumes]) {
      const next = await talk.resume(where, talk.first.lastEventId);
      expect(await last.rest()).toEqual([]);
      last = next;
    }
    talk.tools.say('one');
    talk.tools.end();
    expect(await last.words(2)).toEqual(['one', { said: 1, why: 'ended' }]);
  });

  it('a resumed stream without further events gets a 405', async () => {
    const { runs, resumes } = where();
    const talk = await Talk.begin(runs);
    talk.tools.end();
    await talk.first.words(1);
    const again = await talk.resume(resumes, talk.first.lastEventId);
    expect(again.response.status).toBe(405);
    expect(await again.rest()).toEqual([]);
  });

  it('a call with unexpected arguments fails like any other', async () => {
    const { runs } = where();
    const http = new McpHttp(runs);
    const session = await http.open();
    const { isError } = await resultOf(
      await http.ask(session, call('talk', { topic: { toString: 1 }, isOdd: true })),
    );
    expect(isError).toBe(true);
  });

  it('no other session and no other key can resume a stream', async () => {
    const { runs, resumes } = where();
    const [talk, unrelated] = [await Talk.begin(runs), await Talk.begin(runs)];
    await talk.first.next();
    const other = await unrelated.resume(resumes, talk.first.lastEventId);
    expect(other.response.status).toBe(400);
    expect(await other.response.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000 } });
    const thief = await talk.resume(resumes, talk.first.lastEventId, OTHER_KEY);
    expect(thief.response.status).toBe(404);
    talk.tools.end();
  });

  it('a cancelled call keeps no events, and its readers end', async () => {
    const { runs, resumes, talk } = await begun();
    talk.first.lose();
    const second = await talk.resume(resumes, talk.first.lastEventId);
    const over = talk.tools.next('over');
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    expect((await new McpHttp(resumes).ask(talk.session, cancelled)).status).toBe(202);
    expect(await over).toContain('cancelled by the client');
    expect(await second.rest()).toEqual([]);
    await until(async () => (await talk.resume(resumes, talk.first.lastEventId)).response.status === 405);
    const again = await talk.resume(resumes, talk.first.lastEventId);
    expect(again.response.headers.get('allow')).toBe('POST, DELETE');
    expect(await again.response.json()).toMatchObject({
      error: { code: -32000, message: expect.stringContaining('has cancelled the request') },
    });
    const unrelated = await Talk.begin(runs);
    expect((await unrelated.resume(resumes, talk.first.lastEventId)).response.status).toBe(400);
    unrelated.tools.end();
  });

  it('the streams of a session end with it', async () => {
    const { runs, resumes, talk } = await begun();
    talk.first.lose();
    const second = await talk.resume(resumes, talk.first.lastEventId);
    const over = talk.tools.next('over');
    expect((await new McpHttp(runs).send('DELETE', undefined, { session: talk.session })).status).toBe(200);
    expect(await over).toContain('the session has ended');
    expect(await second.rest()).toEqual([]);
    expect((await talk.resume(resumes, talk.first.lastEventId)).response.status).toBe(404);
  });
}
