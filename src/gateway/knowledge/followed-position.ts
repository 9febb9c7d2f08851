/** How far the feed was followed. Positions compare within an epoch; of two epochs neither is known to be the later one. */
export interface FollowedPosition {
  /** Empty before anything was heard. */
  readonly feed_epoch: string
  readonly feed_sequence: number
}
