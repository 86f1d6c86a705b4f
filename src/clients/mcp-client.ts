/** Where things are on a machine. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The server that a client is to use. */
export interface Connection {
  /** URL of the MCP endpoint. */
  readonly url: string;
  /** The key itself, or how the client reads or asks for it. */
  readonly key: string;
  readonly isReference: boolean;
}

/** A value in a JSON file: at a path of names, or as the item of a list with this id. */
export interface JsonSetting {
  readonly path: readonly string[];
  readonly itemId?: string;
  readonly value: unknown;
}

interface JsonForm {
  readonly kind: 'json';
  readonly settings: (connection: Connection) => readonly JsonSetting[];
}

/** A table of a TOML file. */
export interface TomlTable {
  /** Lines before the first table, each for a key that the file does not have. */
  readonly top: readonly string[];
  readonly path: readonly string[];
  readonly lines: readonly string[];
}

interface TomlForm {
  readonly kind: 'toml';
  readonly table: (connection: Connection) => TomlTable;
}

/** An MCP client, and how it is configured for a server. */
export interface McpClient {
  /** As `connect` calls it. */
  readonly name: string;
  readonly title: string;
  /** By which it is found on PATH. */
  readonly program?: string;
  /** Its files, the one that exists first; else the first is made. */
  readonly files: (machine: Machine) => readonly string[];
  /** The file for a page that does not know the machine. */
  readonly place: string;
  /** How its file refers to CYBERUN_API_KEY, or has the client ask for the key; without one the file holds the key itself. */
  readonly keyReference?: string;
  readonly form: JsonForm | TomlForm;
  /** A command that does the same; without a key it reads CYBERUN_API_KEY. */
  readonly command?: (url: string, key?: string) => string;
  /** What its user should know about the lines. */
  readonly remark?: string;
  /** What its user does next. */
  readonly next: string;
}

/** Whether the client asks for the key and keeps it. */
export const asksForKey = ({ keyReference = '' }: McpClient): boolean => keyReference.startsWith('${input:');
