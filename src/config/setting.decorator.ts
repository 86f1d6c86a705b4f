import 'reflect-metadata';

/** The documentation of one setting; docs/configuration.md is printed from it. */
export interface SettingDescription {
  readonly env: string;
  /** What it decides, in one or two sentences. */
  readonly meaning: string;
  /** A value that would be accepted, shown when the given one is not. */
  readonly example: string;
  /** How the default reads when it is not a plain value. */
  readonly defaultText?: string;
  /** Never echoed, not even in an error. */
  readonly isSecret?: boolean;
  /** A file or folder; relative to the file that names it. */
  readonly isPath?: boolean;
}

/** Turns the text of a variable into the type of the property. */
type Parse = (text: string) => unknown;

export interface DeclaredSetting extends SettingDescription {
  readonly property: string;
  readonly isList: boolean;
  readonly isSwitch: boolean;
  readonly parse: Parse;
}

const DECLARED = Symbol('settings');

const wholeNumber: Parse = (text) => (/^-?\d+$/.test(text) ? Number(text) : Number.NaN);
const list: Parse = (text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const trueOrFalse: Parse = (text) => (text === 'true' ? true : text === 'false' ? false : text);

function parserFor(type: unknown): Parse {
  if (type === Number) return wholeNumber;
  if (type === Array) return list;
  if (type === Boolean) return trueOrFalse;
  return (text) => text;
}

/** Declares a property of the settings class as an environment variable. */
export function Setting(description: SettingDescription): PropertyDecorator {
  return (target, property) => {
    const type: unknown = Reflect.getMetadata('design:type', target, property);
    const kind = { isList: type === Array, isSwitch: type === Boolean };
    const declaredHere = { ...description, property: String(property), ...kind, parse: parserFor(type) };
    // A copy: the list may be that of a class this one extends.
    Reflect.defineMetadata(DECLARED, [...settingsOf(target), declaredHere], target);
  };
}

/** The settings a class declares, in the order of its source. */
export function settingsOf(target: object): DeclaredSetting[] {
  return (Reflect.getMetadata(DECLARED, target) as DeclaredSetting[] | undefined) ?? [];
}
