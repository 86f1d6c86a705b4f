/** How long sessions may idle that are to end by it; long enough for a machine that stands still for a second. */
export const IDLE_MS = 2000;

/** The setting that says so. */
export const IDLING = { CYBERUN_MCP_SESSION_IDLE_SECONDS: String(IDLE_MS / 1000) };
