import Glibc
import Logging
import NIOCore
import Synchronization

/// One event loop's share of a consumer service: the queues of every numConnections-th replicated shard, and the
/// connection with that number to each endpoint. Other threads reach it through its inbox only.
final class Lane: Sendable {
    enum Item: Sendable {
        case batch(PayloadBatch, [(account: Int, charge: BatchCharge?)])
        case route(QueueGroup.Route, endpoints: [Int: LaneEndpoint])
        case acks([MessageKey])
        case sweep
        /// Everything that waits is dropped: another process sends it.
        case supersede
        case close(deadline: NIODeadline, EventLoopPromise<Void>)
    }

    private enum Wake {
        /// Nobody will look at the inbox: wake the loop.
        case idle
        /// The flush timer will look at it; wake only for a lot.
        case timer
        case scheduled
    }

    private struct Inbox {
        var items: [Item] = []
        var bytes = 0
        var wake = Wake.idle
    }

    let eventLoop: any EventLoop
    private let inbox = Mutex(Inbox())
    private let core: NIOLoopBoundBox<LaneCore>
    private let wakeBytes: Int

    init(
        group: sending QueueGroup, eventLoop: any EventLoop, options: ProducerOptions, counters: ServiceCounters,
        seed: UInt64, logger: Logger
    ) {
        self.eventLoop = eventLoop
        wakeBytes = options.flushInterval > .zero ? options.writeBytes : 0
        core = NIOLoopBoundBox.makeBoxSendingValue(
            LaneCore(
                group: group, eventLoop: eventLoop, options: options, counters: counters, seed: seed, logger: logger),
            eventLoop: eventLoop)
    }

    /// Tells the lane itself and its service's other lanes; called once, before anything else.
    func start(siblings: [Lane]) {
        let siblings = siblings.map { WeakLane(lane: $0) }
        eventLoop.execute { [self] in core.value.attach(self, siblings: siblings) }
    }

    /// Puts something into the inbox; `bytes` is its part of the bytes to be sent. Never blocks for long.
    func submit(_ item: Item, bytes: Int) {
        let mustWake = inbox.withLock { inbox in
            inbox.items.append(item)
            inbox.bytes += bytes
            switch inbox.wake {
            case .idle: break
            case .timer: if case .batch = item, inbox.bytes < wakeBytes { return false }
            case .scheduled: return false
            }
            inbox.wake = .scheduled
            return true
        }
        if mustWake { eventLoop.execute { [self] in core.value.drain() } }
    }

    /// Everything that came in. Called on the loop; `timer` says that the flush timer is running.
    func takeInbox(timerIsRunning: Bool) -> [Item] {
        inbox.withLock { inbox in
            inbox.wake = timerIsRunning ? .timer : .idle
            inbox.bytes = 0
            defer { inbox.items = [] }
            return inbox.items
        }
    }

    func setTimer(running: Bool) {
        inbox.withLock { inbox in
            if case .scheduled = inbox.wake { return }
            inbox.wake = running ? .timer : .idle
        }
    }

    /// The lane's state; only on its event loop.
    var onLoop: LaneCore { core.value }
}

struct WeakLane: Sendable {
    weak let lane: Lane?
}

/// A message as acknowledgements name it.
struct MessageKey: Sendable {
    var shard: UInt64
    var id: UInt64
}

/// Where a lane's connection with a certain number goes.
struct LaneEndpoint: Sendable {
    var endpoint: Endpoint
    var marks: ReplicaMarks
}

/// Nanoseconds since 1970.
func wallClockNanos() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds of the loops' steady clock.
func steadyNanos() -> Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }
