import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, it, onTestFinished } from 'vitest';

import type { ProcessGroup } from './process-group.js';
import { cleanEnvironment, ProcessGroups } from './process-groups.js';
import { onLines } from './process-output.js';
import { allProcesses, bootId, factsOf } from './process-table.js';

function workDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'groups-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
const records = (folder: string): string[] => readdirSync(join(folder, 'processes'));

function groupsIn(folder: string): ProcessGroups {
  const groups = new ProcessGroups(folder);
  onTestFinished(() => groups.endAll());
  return groups;
}

function shell(groups: ProcessGroups, command: string): ProcessGroup {
  const environment = cleanEnvironment(tmpdir(), tmpdir());
  return groups.start({ program: '/bin/sh', arguments: ['-c', command], folder: tmpdir(), environment });
}

/** The numbers a process prints, one a line; resolves with so many of them. */
function printed(group: ProcessGroup, count: number): Promise<number[]> {
  const numbers: number[] = [];
  return new Promise((resolve) => {
    for (const stream of group.streams) {
      const line = (text: string): void => {
        if (numbers.push(Number(text)) === count) resolve(numbers);
      };
      onLines(stream, { line });
    }
  });
}

const isAlive = (pid: number): boolean => {
  const facts = factsOf(pid);
  return facts !== undefined && !facts.isZombie;
};

const isMarked = (pid: number): boolean => {
  const file = `/proc/${pid}/environ`;
  return existsSync(file) && readFileSync(file, 'utf8').includes('CYBERUN_PROCESS_GROUP=');
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

it('a process group ends with its children and grandchildren, even when they ignore SIGTERM', async () => {
  const group = shell(
    groupsIn(workDir()),
    `sh -c 'trap "" TERM; sleep 60 & echo $!; echo $$; while :; do sleep 1; done' & echo $$; wait`,
  );
  const pids = await printed(group, 3);
  await group.end();
  expect(pids.filter(isAlive)).toEqual([]);
});

it('a process group ends processes that its leader left behind', async () => {
  const group = shell(groupsIn(workDir()), 'sleep 60 & echo $!');
  const [child = 0] = await printed(group, 1);
  await group.exited;
  expect(isAlive(child)).toBe(true);
  await group.end();
  expect(isAlive(child)).toBe(false);
});

it.runIf(process.platform === 'linux').each([
  ['while the leader runs', 'setsid sleep 60 >/dev/null 2>&1 & echo $!; sleep 60'],
  ['and holds the pipe of a leader that is done', 'setsid sleep 60 & echo $!'],
  ['and is silent, of a leader that is done', 'setsid sleep 60 >/dev/null 2>&1 & echo $!'],
])('a process group ends a member that started its own session %s', async (_when, command) => {
  const group = shell(groupsIn(workDir()), command);
  const [stray = 0] = await printed(group, 1);
  await until(() => factsOf(stray)?.group === stray);
  await group.end();
  expect(isAlive(stray)).toBe(false);
});

it('a process group ends although a process outside the group holds its pipe', async () => {
  const group = shell(groupsIn(workDir()), 'setsid env -i sleep 600 & echo $!');
  const [outsider = 0] = await printed(group, 1);
  onTestFinished(() => void process.kill(outsider, 'SIGKILL'));
  // A moment after it left the group it still has the environment of the group.
  await until(() => factsOf(outsider)?.group === outsider && !isMarked(outsider));
  await group.exited;
  await group.end();
  expect(isAlive(outsider)).toBe(true);
});

it('a process group reports how it ended', async () => {
  const groups = groupsIn(workDir());
  await expect(shell(groups, 'exit 3').exited).resolves.toEqual({ exitCode: 3, reason: undefined });
  await expect(shell(groups, 'kill -9 $$').exited).resolves.toEqual({
    exitCode: undefined,
    reason: 'SIGKILL',
  });
  const nowhere = { program: 'x', arguments: [], folder: join(workDir(), 'missing'), environment: {} };
  expect((await groups.start(nowhere).exited).reason).toMatch(/ENOENT/);
});

it.each([
  ['a script', ''],
  ['a script that is too long for the gate', `# ${'x'.repeat(70_000)}\n`],
])('a process group starts %s as a shell of its own would', async (_what, comment) => {
  const environment = { ...cleanEnvironment(tmpdir(), tmpdir()), go: 'kept' };
  const script = `${comment}[ "$0 $1 $go" = 'sh a b kept' ] && echo 1; (: <&3) 2>/dev/null || echo 2; false; echo 3`;
  const command = { program: '/bin/sh', arguments: ['-e', '-c', script, 'sh', 'a b'], folder: tmpdir() };
  const group = groupsIn(workDir()).start({ ...command, environment });
  const output = printed(group, 2);
  expect((await group.exited).exitCode).toBe(1);
  expect(await output).toEqual([1, 2]);
  await group.end();
});

it('a process group is recorded exactly while it runs', async () => {
  const folder = workDir();
  const group = shell(groupsIn(folder), 'sleep 60');
  expect(records(folder)).toHaveLength(1);
  await group.end();
  expect(records(folder)).toEqual([]);
});

it('a process group does not inherit the environment of the agent', async () => {
  process.env['CYBERUN_BOOTSTRAP_KEY'] = 'sk-secret';
  onTestFinished(() => void delete process.env['CYBERUN_BOOTSTRAP_KEY']);
  const group = shell(groupsIn(workDir()), 'env | grep -c secret');
  expect(await printed(group, 1)).toEqual([0]);
});

it('a new agent ends the groups of its predecessor, also members without a leader', async () => {
  const folder = workDir();
  const predecessor = new ProcessGroups(folder);
  const whole = shell(predecessor, 'sleep 60 & echo $!; echo $$; wait');
  const headless = shell(predecessor, 'sleep 60 & echo $!');
  const pids = [...(await printed(whole, 2)), ...(await printed(headless, 1))];
  await headless.exited;
  expect(pids.filter(isAlive)).toHaveLength(3);

  expect(await groupsIn(folder).takeOver()).toBeGreaterThanOrEqual(3);
  await until(() => !pids.some(isAlive));
  expect(records(folder)).toEqual([`agent-${process.pid}.json`]);
});

it.each([
  ['a pid that was given to another process', { startTime: '1' }],
  ['the process of a record from before a reboot', { bootId: 'another boot' }],
])('a new agent does not kill %s', async (_what, change) => {
  const folder = workDir();
  const unrelated = shell(groupsIn(workDir()), 'echo $$; sleep 60');
  const [pid = 0] = await printed(unrelated, 1);
  const successor = groupsIn(folder);
  const record = { pid, startTime: factsOf(pid)?.startTime, bootId, kind: 'group', mark: 'none' };
  const file = join(folder, 'processes', `group-${pid}.json`);
  writeFileSync(file, JSON.stringify({ ...record, ...change }));
  await successor.takeOver();
  expect(isAlive(pid)).toBe(true);
});

it('a new agent deletes a truncated record', async () => {
  const folder = workDir();
  const groups = groupsIn(folder);
  writeFileSync(join(folder, 'processes', 'group-77.json'), '{"pid":7');
  expect(await groups.takeOver()).toBe(0);
  expect(records(folder)).toHaveLength(1);
});

it.runIf(process.platform === 'linux')('the process table contains this process', () => {
  expect(allProcesses().find(({ pid }) => pid === process.pid)).toMatchObject({ isZombie: false });
});
