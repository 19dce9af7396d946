import KeyValue

/// What a watch reports.
public enum ValueUpdate<Value: Sendable>: Sendable {
    case value(Versioned<Value>)
    /// What is stored can't be used: the reader keeps the value it has and reports the error.
    case rejected(ClusterError, version: Int64)
}

/// The current value of a key, if there is one, then each newer one. A deletion is passed over: M3's processes go on with the
/// value they have. Ends when the store is closed.
public struct ValueWatch<Value: Sendable>: AsyncSequence, Sendable {
    public typealias Element = ValueUpdate<Value>

    let stored: AsyncStream<VersionedValue?>
    let decode: @Sendable ([UInt8]) throws(ClusterError) -> Value

    public struct Iterator: AsyncIteratorProtocol {
        var stored: AsyncStream<VersionedValue?>.Iterator
        let decode: @Sendable ([UInt8]) throws(ClusterError) -> Value

        public mutating func next() async -> ValueUpdate<Value>? {
            await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> ValueUpdate<Value>? {
            while let next = await stored.next(isolation: actor) {
                guard let next else { continue }
                do throws(ClusterError) {
                    return .value(Versioned(value: try decode(next.bytes), version: next.version))
                } catch {
                    return .rejected(error, version: next.version)
                }
            }
            return nil
        }
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(stored: stored.makeAsyncIterator(), decode: decode)
    }
}
