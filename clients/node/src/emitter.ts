/** Node's `EventEmitter` with a type for each event. */
import { EventEmitter } from 'node:events';

type Name<Events> = keyof Events & string;
type Listener<T> = (value: T) => void;

/** Emits one value with each event. */
export class TypedEmitter<Events> extends EventEmitter {
  override on<K extends Name<Events>>(name: K, listener: Listener<Events[K]>): this {
    return super.on(name, listener);
  }

  override addListener<K extends Name<Events>>(name: K, listener: Listener<Events[K]>): this {
    return super.on(name, listener);
  }

  override once<K extends Name<Events>>(name: K, listener: Listener<Events[K]>): this {
    return super.once(name, listener);
  }

  override off<K extends Name<Events>>(name: K, listener: Listener<Events[K]>): this {
    return super.off(name, listener);
  }

  override removeListener<K extends Name<Events>>(name: K, listener: Listener<Events[K]>): this {
    return super.off(name, listener);
  }

  override emit<K extends Name<Events>>(name: K, value: Events[K]): boolean {
    return super.emit(name, value);
  }
}
