/**
 * Every code that an error of the project can carry, with what it means. Codes are stable: tools may match on them,
 * texts may change. A new refusal adds one entry here, and a line to docs/errors.md.
 */
export const errorCodes = {
  INVALID_TOPOLOGY: 'the topology has at least one problem; each is told',
  NOT_A_TOPOLOGY: 'something else was given where a topology is expected',
  // Problems of a topology, from here on within an InvalidTopologyError.
  BAD_GROUPING: 'a custom grouping is not one, or it chose what is not a task of the subscriber',
  BAD_NAME: 'the name of the topology is empty, too long, or has characters that are not allowed',
  BAD_STREAM: 'a declaration of streams or fields that is not one',
  DIRECT_MISMATCH: 'a direct grouping on a stream that is not direct, or another grouping on one that is',
  DUPLICATE_FIELD: 'a stream or a grouping names a field twice',
  DUPLICATE_ID: 'two components have the same id',
  DUPLICATE_SUBSCRIPTION: 'a bolt subscribes twice to the same stream of the same component',
  EMPTY_ID: 'the id of a component or stream is empty',
  FACTORY_THREW: 'the factory of a component threw when it was tried',
  INVALID_CONFIG: 'an option is unknown, misspelt, out of its range, or not for this component',
  INVALID_ID: 'the id of a component is not a string, or not well-formed Unicode',
  INVALID_PARALLELISM: 'a number of executors or tasks that is not a whole number in its range',
  NO_COMPONENT: 'the topology has no component',
  NO_GROUPING_FIELDS: 'a fields or partial key grouping names no field',
  NO_SPOUT: 'the topology has no spout',
  NOT_A_COMPONENT: 'a factory made something that is neither spout nor bolt',
  NOT_A_FACTORY: 'a component was given as something that is not a function which makes one',
  RESERVED_ID: 'the id of a component or stream begins with two underscores, as those of the engine do',
  SHARED_INSTANCE: 'a factory returned the same instance twice',
  SPOUT_WITH_INPUT: 'a spout subscribes to a stream',
  UNKNOWN_COMPONENT: 'a bolt reads from a component that is not there',
  UNKNOWN_FIELD: 'a grouping names a field that the stream does not have',
  UNKNOWN_STREAM: 'a stream is named that the component does not declare',
  // Warnings of a topology: it runs.
  AMBIGUOUS_ID: 'two ids differ only by case or Unicode form',
  CYCLE: 'tuples can come back to a component that they have passed',
  EXCESS_EXECUTORS: 'more executors are asked for than there are tasks; there will be one a task',
  NO_CONSUMERS: 'nobody reads a stream of a spout',
  NO_INPUT: 'a bolt reads nothing',
  STREAM_MISFIT: 'a stream lacks fields that the bolt declares to read',
  // Values.
  ASYNC_SCHEMA: 'the type of a field validates asynchronously, which an emit cannot wait for',
  TUPLE_TOO_LARGE: 'the values of a tuple for another worker take more than 1 MiB',
  UNENCODABLE_KEY: 'a value that a tuple is grouped by is a function, a symbol, a cycle or an object of a class',
  UNENCODABLE_VALUE:
    'a value would not arrive at another worker as it is: a function, a symbol, a cycle, an object of a class, an undeclared field',
  // What a running task may not do.
  ANCHOR_ALREADY_DONE: 'an emit is anchored to a tuple that its task has acked or failed already',
  BAD_ANCHOR: 'an emit is anchored to something that is no tuple',
  BAD_VALUES: 'what was emitted is no object with the fields of its stream',
  DIRECT_STREAM: 'a plain emit on a direct stream, where the emitter has to name the task',
  DUPLICATE_MESSAGE_ID: 'a spout emitted a message id that is still pending',
  FOREIGN_TUPLE: 'a task acked, failed or anchored to something that is no tuple given to it',
  NOT_DIRECT: 'emitDirect on a stream that is not direct',
  TASK_CLOSED: 'a task emitted before it was ready or after its end',
  TOO_MANY_ANCHORS: 'an emit is anchored to more than 1,000 tuples',
  TUPLE_CLOSED: 'a basic bolt emitted after its execute was over',
  UNKNOWN_TASK: 'emitDirect named a task that does not read the stream',
  // What user code does that ends a task or a topology.
  CLEANUP_FAILED: 'close or cleanup of a task threw',
  CLEANUP_TIMEOUT: 'close or cleanup of a task did not end within 3 s',
  PREPARE_FAILED: 'open or prepare of a task threw',
  PREPARE_TIMEOUT: 'open or prepare of a task did not end within 60 s',
  SPOUT_FAILED: 'nextTuple threw ten times in a row',
  // Ready-made spouts.
  BAD_LIST: 'listSpout was given something that is no list of values',
  BAD_PATHS: 'fileSpout was given something that is no list of paths',
  FILE_NOT_FOUND: 'a file that a task is to read is not there',
  LINE_TOO_LONG: 'a line of a file is longer than 64 MiB',
  NEEDS_NODE: 'a file is to be read where there is no Node',
  NOT_A_REGULAR_FILE: 'a directory stands where a file is expected',
  PERMISSION: 'a file may not be read by the user of this process',
  READ_FAILED: 'a file could not be opened or read; the message tells what the system said',
  STDIN_ONE_TASK: 'a spout that reads standard input has more than one task',
  STDIN_TWICE: 'standard input is named twice; it can be read only once',
  // The life of a topology.
  NOT_SETTLED: 'a test waited longer than it may, or for what cannot come',
  ALREADY_RUNNING: 'a topology of this name is running',
  CLUSTER_CLOSED: 'the cluster was shut down',
  TOPOLOGY_GONE: 'the topology was killed',
  // A topology's code on its way.
  ARTEFACT_MISMATCH: 'the bytes of an artefact are not those that its hash names',
  BUNDLE_FAILED: 'the module of a topology cannot be made into one file; each place is told',
  ENGINE_MISMATCH: 'an artefact was bundled with a version of storm-ts that does not fit this one',
  NATIVE_MODULE: 'a topology imports a package with compiled code',
  NO_EXPORT: 'the module of a topology has no default export',
  NOT_A_MODULE: 'a file that is no TypeScript or JavaScript stands where a module is expected',
  NOT_AN_ARTEFACT: 'a file that has no manifest of storm-ts stands where an artefact is expected',
  TOPOLOGY_EXITED: 'the code of a topology ended its process while it was loaded',
  TOPOLOGY_FAILED: 'the module of a topology threw, or the function that it exports did',
  TOPOLOGY_TIMEOUT: 'the code of a topology did not come to an end in time while it was loaded',
  // What is typed on the command line.
  BAD_USAGE: 'something on the command line is missing, too much, or not of its kind',
  UNKNOWN_COMMAND: 'there is no such verb',
  UNKNOWN_OPTION: 'the verb has no such option',
  // A client and its nimbus.
  INSECURE_FILE: 'a file with a secret in it may be read by others',
  DAEMON_FAILED: 'a daemon ended before it was ready; what it said is told',
  NOT_A_NIMBUS: 'something else answers where nimbus is expected',
  TIMED_OUT: 'what was waited for did not come in time',
  UNREACHABLE: 'nobody answers where nimbus is expected',
  // Between the daemons of a cluster, and of their configuration.
  ARITY_MISMATCH: 'tuples came from another worker that have not as many values as their stream has fields',
  BAD_FRAME: 'another process sent bytes that are no frame, or not the frame that was due',
  BAD_MESSAGE: 'a control message is not one, or one of its fields is not as expected',
  INVALID_DURATION: 'a duration is not one, is negative, or is absurdly long',
  INVALID_REGISTRATION: 'what a supervisor says of itself cannot be',
  INVALID_SETTING: 'a setting of a daemon is unknown, misspelt, or not of its kind',
  NOT_FOUND: 'there is no such thing, by that name or id',
  EVENT_LOOP_BLOCKED: 'a call of user code held up its whole worker for seconds',
  WORKER_CRASHED: 'an error of user code that nobody caught ended a worker',
  PORT_IN_USE: 'somebody else listens at the port, or has a slot there',
  PROTOCOL_MISMATCH: 'the other process speaks another protocol, so it is of another version',
  FORBIDDEN: 'the role of the token may not do that',
  HOST_NOT_ALLOWED: 'nimbus was asked under a name that is not its own',
  INSECURE_BIND: 'a daemon is to listen beyond loopback without TLS',
  INTERNAL: 'a bug of ours',
  INVALID_REQUEST: 'a request is not one, or a field of it is not as expected',
  TOKEN_EXPIRED: 'the token was one, and its time is over',
  UNAUTHENTICATED: 'no token came with a request, or one that nobody knows',
  UNSUPPORTED_TYPE: 'the body of a request is of a type that is not taken there',
  BUSY: 'so much waits already that no more is taken for a moment',
  STORE_CONFLICT: "a document in nimbus' store was written by somebody else",
  STORE_CORRUPT: "nimbus' store is damaged",
  STORE_FENCED: 'another nimbus leads by now',
  STORE_FULL: "there is no space for nimbus' store",
  STORE_IO: "nimbus' store could not be read or written",
  STORE_LOCKED: "another process has nimbus' store open",
  SUPERVISOR_ID_IN_USE: 'another supervisor has this id, and is alive',
  TOO_LARGE: 'an artefact, or the body of a request, is larger than is taken',
  TOO_MANY: 'there are as many of something as are allowed',
  WRONG_STATUS: 'the topology is in a status in which that cannot be asked of it',
  // Of the machines that workers run on, and of the ends of workers.
  ARTEFACT_UNAVAILABLE: 'a supervisor could not fetch the artefact of a topology',
  FOLDER_LOCKED: 'another supervisor works in this data folder',
  FOLDER_UNUSABLE: 'the data folder cannot be read or written, or something in it is damaged',
  NO_SPACE: 'there is no space left on the disk of a supervisor',
  OOM: 'a worker had more memory than it may have',
  WORKER_EXITED: 'a worker ended by itself, and its supervisor starts it again',
  WORKER_HUNG: 'the loop of a worker stood still for too long, and its supervisor ended it',
  WORKER_KILLED: 'a signal from outside ended a worker',
  WORKER_NOT_STARTED: 'the process of a worker could not be started',
  WORKER_START_TIMEOUT: 'a worker gave no sign of life for too long after its start',
} as const

export type ErrorCode = keyof typeof errorCodes

/** Every error that the project throws at a user. `code` is a stable word such as `UNKNOWN_STREAM`. */
export class StormError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StormError'
    this.code = code
  }
}

/** One thing that is wrong with a topology: where, what was got, what was expected, in a sentence. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
}

/** A topology that cannot run, with all that is wrong with it. */
export class InvalidTopologyError extends StormError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const list = problems.map((problem) => `\n  - ${problem.message} (${problem.code})`).join('')
    super(
      'INVALID_TOPOLOGY',
      `The topology has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:${list}`,
    )
    this.name = 'InvalidTopologyError'
    this.problems = problems
  }
}
