import { IsIn } from 'class-validator';

import { ObjectStoreSettings } from './object-store-settings.js';
import { Setting } from './setting.decorator.js';
import { DAY_LIMIT, Optional, WholeNumber } from './setting-rules.js';

/** How long the embedded runtime keeps what has ended, and how much a team may have in it. */
export class RuntimeSettings extends ObjectStoreSettings {
  @Setting({
    env: 'CYBERUN_CONSOLE',
    meaning: 'Whether the console for people is served at /console: on or off. Role mcp has none.',
    example: 'off',
    defaultText: '`on`, in role mcp `off`',
  })
  @Optional(IsIn(['on', 'off']))
  console?: 'on' | 'off';

  @Setting({
    env: 'CYBERUN_TASKS_ENDED_DAYS',
    meaning: 'Days a task is kept after its end, with its events and result.',
    example: '30',
  })
  @WholeNumber(1, DAY_LIMIT)
  tasksEndedDays: number = 30;

  @Setting({
    env: 'CYBERUN_TASKS_ENDED_COUNT',
    meaning: 'Tasks of a team that are kept; of more, the oldest that have ended are removed.',
    example: '1000000',
  })
  @WholeNumber(1)
  tasksEndedCount: number = 1_000_000;

  @Setting({
    env: 'CYBERUN_TASKS_LOG_BYTES',
    meaning: 'Bytes of log that are kept of a task, of all its runs; of more, the oldest lines are dropped.',
    example: '4194304',
  })
  @WholeNumber(65_536, 1_073_741_824)
  tasksLogBytes: number = 4_194_304;

  @Setting({
    env: 'CYBERUN_TASKS_LOG_DAYS',
    meaning: 'Days the log of a task is kept after its end, at most as long as the task.',
    example: '30',
  })
  @WholeNumber(1, DAY_LIMIT)
  tasksLogDays: number = 30;

  @Setting({
    env: 'CYBERUN_WORKFLOWS_VERSION_DAYS',
    meaning:
      'Days a version of a workflow is kept after a newer one has replaced it; a version that a task has used is kept as long as the task.',
    example: '90',
  })
  @WholeNumber(1, DAY_LIMIT)
  workflowsVersionDays: number = 90;

  @Setting({
    env: 'CYBERUN_KEYS_ENDED_DAYS',
    meaning: 'Days a key is listed after it was revoked or has expired.',
    example: '90',
  })
  @WholeNumber(1, DAY_LIMIT)
  keysEndedDays: number = 90;

  @Setting({
    env: 'CYBERUN_TEAM_TASKS_QUEUED',
    meaning: 'Tasks of a team that may wait for an agent; further ones are refused with 429.',
    example: '10000',
  })
  @WholeNumber(1, 1_000_000)
  teamTasksQueued: number = 10_000;

  @Setting({
    env: 'CYBERUN_TEAM_PARAMETERS_BYTES',
    meaning:
      'Bytes of parameters that the waiting tasks of a team may have together; further tasks are refused with 429, and one that has more with 403.',
    example: '268435456',
  })
  @WholeNumber(1024)
  teamParametersBytes: number = 268_435_456;

  @Setting({
    env: 'CYBERUN_TEAM_LOG_BYTES',
    meaning:
      'Bytes of log that are kept of all tasks of a team; of more, the logs of its oldest ended tasks are removed.',
    example: '1073741824',
  })
  @WholeNumber(1_048_576)
  teamLogBytes: number = 1_073_741_824;

  @Setting({
    env: 'CYBERUN_TEAM_TASKS_RUNNING',
    meaning: 'Tasks of a team that may run at the same time, over all agents; further ones wait.',
    example: '100',
    defaultText: 'empty: as many as the agents have slots',
  })
  @Optional(WholeNumber(1, 1_000_000))
  teamTasksRunning?: number;

  @Setting({
    env: 'CYBERUN_TEAM_FILES_BYTES',
    meaning:
      'Bytes of files that are kept of a team, uploads and outputs together; an upload above it is refused with 429, and a run that leaves more fails.',
    example: '107374182400',
  })
  @WholeNumber(1024)
  teamFilesBytes: number = 107_374_182_400;

  @Setting({
    env: 'CYBERUN_TEAM_ANSWERS_BYTES',
    meaning:
      'Bytes of answers of services that are kept of a team for an hour, for links to large ones; of more, the oldest are removed, and their links end. With the built-in file store every node keeps as many.',
    example: '5368709120',
  })
  @WholeNumber(1024)
  teamAnswersBytes: number = 5_368_709_120;
}
