"""How a snapshot's state goes on by itself."""


def refresh(world, snapshot):
    """Pending to completed when its time has come; pending to error when nobody wrote to it for its timeout."""
    if snapshot.state != 'pending':
        return snapshot
    settings = world.settings
    if snapshot.sealed_at is None:
        if world.now() > snapshot.last_write_at + snapshot.timeout_min * 60:
            snapshot.state, snapshot.state_message = 'error', 'The snapshot was not completed in time'
    elif (world.now() >= snapshot.sealed_at + settings.snapshot_completes_after_s
          and snapshot.describes_since_sealed >= settings.snapshot_completes_after_describes):
        snapshot.state = 'completed'
    return snapshot
