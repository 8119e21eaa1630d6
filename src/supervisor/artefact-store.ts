/** Artefacts on this machine: a seam. */
export interface ArtefactStore {
  /**
   * The path of an artefact whose hash was checked just now; it is fetched if it is not there, or is not what it should
   * be. Rejects with ARTEFACT_MISMATCH, ARTEFACT_UNAVAILABLE, NO_SPACE or FOLDER_UNUSABLE.
   */
  ready(hash: string): Promise<string>
  /** Others may go. */
  keep(hashes: readonly string[]): void
}
