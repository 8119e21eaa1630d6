import { MessageIds } from './message-ids.js'

/**
 * What a spout task has emitted and not heard of again: message ids by slot, with the time that each has left.
 *
 * Protocol of use: the executor reads the clock once per turn of its loop and hands the reading to `advance` at once,
 * then calls `expire` until it is false. `add` when a tuple is emitted: the slot goes with its init to the ledger. When
 * a verdict comes back, `take` with the slot and root that it names. When the loop has nothing to do, it sleeps until
 * `nextDueMs()` at the longest. `take`, `expire` and `takeAny` leave what they took in `id` and `slot`.
 *
 * Timeouts without a timer or a clock reading per tuple: an entry is stamped with the *epoch* in which it was last
 * touched, a number. `advance` closes the epoch when a 64th of the timeout T has passed since the last was closed, and
 * keeps the time of that. All of an epoch expires T after it was closed, so
 *  - never early: an entry was touched before the reading that closed its epoch, however long a turn took;
 *  - late by T/64, and by what the loop delays `advance` and `expire`. That is within 1.1 T when the loop keeps to
 *    `nextDueMs`, or turns each T/24 at least.
 * Entries stand in one list in order of last touch, so that the oldest is first and nothing is ever searched.
 *
 * Memory: 20 bytes a slot and a reference to its id, and what `MessageIds` takes; doubled when more are needed. No
 * reference to an id is kept once it is taken, but for the one in `id`.
 */
export class SpoutPending<Id> {
  /** The message id that was taken last. */
  id: Id | undefined = undefined
  /** Roots that are pending. */
  size = 0
  /** The slot that was taken last; may be in use again after the next `add`. */
  slot = -1

  private readonly timeoutMs: number
  /** The first of them holds no entry: it is the head and the tail of the list. */
  private slots = new Int32Array(slotInts)
  private readonly idBySlot: (Id | undefined)[] = [undefined]
  private readonly slotById = new MessageIds()
  /** First of the free slots, which are chained by NEXT; 0: none. */
  private free = 0
  /** The open epoch. Wraps at 32 bits: only differences count. */
  private epoch = 0
  private closesAtMs = -Infinity
  private readonly closedAtMs = new Float64Array(epochsKept)

  /** `timeoutMs` > 0; Infinity: nothing ever expires. */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs
  }

  /** Returns the slot, 1 or more; −1, and nothing is changed, when the message id is pending already. */
  add(rootLo: number, rootHi: number, id: Id): number {
    if (this.free === 0) this.makeSlots()
    const slot = this.free
    if (!this.slotById.add(id, slot)) return -1
    const slots = this.slots
    const at = slot * slotInts
    this.free = slots[at + NEXT] as number
    slots[at] = rootLo
    slots[at + ROOT_HI] = rootHi
    this.append(slot)
    this.idBySlot[slot] = id
    this.size++
    return slot
  }

  /** A verdict. Returns false when the slot does not hold this root: the verdict is late, the message has one. */
  take(slot: number, rootLo: number, rootHi: number): boolean {
    if (!this.holds(slot, rootLo, rootHi)) return false
    this.release(slot)
    return true
  }

  /** The time of this root starts anew. Returns false when the slot does not hold it. */
  resetTimeout(slot: number, rootLo: number, rootHi: number): boolean {
    if (!this.holds(slot, rootLo, rootHi)) return false
    this.unlink(slot)
    this.append(slot)
    return true
  }

  /** Once per turn, with a reading of the monotonic clock that is no older than the last `add` or `resetTimeout`. */
  advance(nowMs: number): void {
    if (nowMs < this.closesAtMs) return
    this.closedAtMs[this.epoch & (epochsKept - 1)] = nowMs
    this.epoch = (this.epoch + 1) | 0
    this.closesAtMs = nowMs + this.timeoutMs / epochsPerTimeout
  }

  /** Takes out one entry that has timed out, the oldest first. Returns false when there is none. */
  expire(nowMs: number): boolean {
    const oldest = this.slots[NEXT] as number
    if (oldest === 0 || nowMs < this.dueMs(oldest)) return false
    this.release(oldest)
    return true
  }

  /** Takes out the oldest entry, timed out or not. Returns false when there is none. */
  takeAny(): boolean {
    const oldest = this.slots[NEXT] as number
    if (oldest === 0) return false
    this.release(oldest)
    return true
  }

  /**
   * When `advance` and `expire` have to be called next, on their clock: something may expire then, or the open epoch
   * has entries and is to be closed. May be past; Infinity when nothing is pending.
   */
  nextDueMs(): number {
    const slots = this.slots
    const oldest = slots[NEXT] as number
    if (oldest === 0) return Infinity
    const newest = slots[PREVIOUS] as number
    const dueMs = this.dueMs(oldest)
    return slots[newest * slotInts + EPOCH] === this.epoch ? Math.min(dueMs, this.closesAtMs) : dueMs
  }

  /** When an entry expires; Infinity while its epoch is open. */
  private dueMs(slot: number): number {
    const epoch = this.slots[slot * slotInts + EPOCH] as number
    const age = (this.epoch - epoch) | 0
    if (age === 0) return Infinity
    // Each epoch kept is a 64th of T or longer: what is older than all of them was closed more than T ago.
    if (age > epochsKept) return -Infinity
    return (this.closedAtMs[epoch & (epochsKept - 1)] as number) + this.timeoutMs
  }

  private holds(slot: number, rootLo: number, rootHi: number): boolean {
    if (slot <= 0 || slot >= this.idBySlot.length) return false
    const slots = this.slots
    const at = slot * slotInts
    return slots[at] === rootLo && slots[at + ROOT_HI] === rootHi && slots[at + PREVIOUS] !== FREE
  }

  private release(slot: number): void {
    const id = this.idBySlot[slot] as Id
    this.slotById.remove(id)
    this.idBySlot[slot] = undefined
    this.unlink(slot)
    this.slots[slot * slotInts + PREVIOUS] = FREE
    this.slots[slot * slotInts + NEXT] = this.free
    this.free = slot
    this.size--
    this.id = id
    this.slot = slot
  }

  /** Last in the list, touched in the open epoch. */
  private append(slot: number): void {
    const slots = this.slots
    const at = slot * slotInts
    const newest = slots[PREVIOUS] as number
    slots[at + PREVIOUS] = newest
    slots[at + NEXT] = 0
    slots[at + EPOCH] = this.epoch
    slots[newest * slotInts + NEXT] = slot
    slots[PREVIOUS] = slot
  }

  private unlink(slot: number): void {
    const slots = this.slots
    const at = slot * slotInts
    const previous = slots[at + PREVIOUS] as number
    const next = slots[at + NEXT] as number
    slots[previous * slotInts + NEXT] = next
    slots[next * slotInts + PREVIOUS] = previous
  }

  /** Doubles the slots when none is free. */
  private makeSlots(): void {
    const first = this.idBySlot.length
    const last = 2 * first - 1
    const slots = new Int32Array((last + 1) * slotInts)
    slots.set(this.slots)
    for (let slot = first; slot <= last; slot++) {
      slots[slot * slotInts + PREVIOUS] = FREE
      slots[slot * slotInts + NEXT] = slot === last ? 0 : slot + 1
      this.idBySlot.push(undefined)
    }
    this.slots = slots
    this.free = first
  }
}

// A slot is five ints: root lo, root hi, previous and next slot in the list, epoch.
const slotInts = 5
const ROOT_HI = 1
const PREVIOUS = 2
const NEXT = 3
const EPOCH = 4
/** Stands as the previous slot of one that holds nothing. */
const FREE = -1

const epochsPerTimeout = 64
/** A power of two, and more than `epochsPerTimeout`. */
const epochsKept = 128
