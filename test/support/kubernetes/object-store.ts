import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';

/** As the API server keeps it. */
export interface StoredObject {
  kind: string;
  metadata: {
    name: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string }[];
  };
  // oxlint-disable-next-line typescript/no-explicit-any
  [field: string]: any;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The objects of one namespace, in memory. */
export class ObjectStore {
  private readonly objects = new Map<string, StoredObject>();
  private version = 1;
  /** Emits `change` with the type and a copy of the object. */
  readonly changes = new EventEmitter<{ change: [ChangeType, StoredObject] }>().setMaxListeners(0);

  get resourceVersion(): string {
    return String(this.version);
  }

  get(kind: string, name: string): StoredObject | undefined {
    return this.objects.get(`${kind}/${name}`);
  }

  /** @param selector as in `a=b,c=d`. */
  list(kind: string, selector = ''): StoredObject[] {
    return [...this.objects.values()].filter((one) => one.kind === kind && isSelected(one, selector));
  }

  add(object: StoredObject): StoredObject {
    object.metadata.uid = randomUUID();
    this.objects.set(`${object.kind}/${object.metadata.name}`, object);
    this.changed('ADDED', object);
    return object;
  }

  update(object: StoredObject, change: (object: StoredObject) => void): void {
    if (this.get(object.kind, object.metadata.name) !== object) return;
    change(object);
    this.changed('MODIFIED', object);
  }

  /** With what it owns, as the garbage collector does. */
  remove(object: StoredObject): void {
    if (!this.objects.delete(`${object.kind}/${object.metadata.name}`)) return;
    this.changed('DELETED', object);
    for (const other of this.objects.values())
      if (other.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid)) this.remove(other);
  }

  private changed(type: ChangeType, object: StoredObject): void {
    this.version += 1;
    object.metadata.resourceVersion = this.resourceVersion;
    this.changes.emit('change', type, structuredClone(object));
  }
}

export const isSelected = ({ metadata }: StoredObject, selector: string): boolean =>
  selector
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [label = '', value] = term.split('=');
      return metadata.labels?.[label] === value;
    });
