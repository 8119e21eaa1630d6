/**
 * Freezes plain objects and arrays, and those within them. What has methods of its own to change it, such as a map, a
 * typed array or an instance of a class, is left as it is. Safe on cycles; what is frozen already is not looked into.
 */
export function deepFreeze(value: object): void {
  if (Object.isFrozen(value) || !isPlain(value)) return
  const open: object[] = [Object.freeze(value)]
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    for (const part of Object.values(object)) {
      if (typeof part !== 'object' || part === null || Object.isFrozen(part) || !isPlain(part as object)) continue
      open.push(Object.freeze(part as object))
    }
  }
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
