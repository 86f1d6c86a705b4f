import { statfs } from 'node:fs/promises';

import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { AGENTS, DATABASE, observe } from '../../telemetry/index.js';
import { Database } from '../database/index.js';
import { AgentRegistry } from '../gateway/index.js';

const POOL = { 'db.client.connection.pool.name': 'cyberun' } as const;

/** Gauges of this process: its agents, its connections to the database, and the disk of its data folder. */
@Injectable()
export class NodeGauges {
  constructor(agents: AgentRegistry, database: Database, @Inject(CONFIG) { dataDir }: Config) {
    observeAgents(agents);
    observeDatabase(database);
    observe(DATABASE.filesystemUsage, async (set) => {
      const { blocks, bfree, bavail, bsize } = await statfs(dataDir);
      set((blocks - bfree) * bsize, { 'system.filesystem.state': 'used' });
      set(bavail * bsize, { 'system.filesystem.state': 'free' });
    });
  }
}

function observeAgents(agents: AgentRegistry): void {
  observe(AGENTS.agents, (set) => {
    const connected = agents.list();
    const draining = connected.filter(({ isDraining }) => isDraining).length;
    set(connected.length - draining, { state: 'connected' });
    set(draining, { state: 'draining' });
  });
  observe(AGENTS.slots, (set) => {
    const connected = agents.list();
    set(sum(connected.map(({ runs }) => runs.size)), { state: 'used' });
    set(sum(connected.map(({ free }) => free)), { state: 'free' });
  });
}

function observeDatabase(database: Database): void {
  observe(DATABASE.databaseUp, async (set) => set((await database.isReachable()) ? 1 : 0));
  if (!('pool' in database.driver)) return;
  const { pool } = database.driver;
  observe(DATABASE.connectionCount, (set) => {
    set(pool.totalCount - pool.idleCount, { ...POOL, 'db.client.connection.state': 'used' });
    set(pool.idleCount, { ...POOL, 'db.client.connection.state': 'idle' });
  });
  observe(DATABASE.connectionMax, (set) => set(pool.options.max, POOL));
  observe(DATABASE.connectionPending, (set) => set(pool.waitingCount, POOL));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
