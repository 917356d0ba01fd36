<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * How a connection is made, and its limits.
 *
 * Limits and times may be changed while the connection lives.
 */
final class Options
{
    /**
     * @param ?string               $origin       the Origin field, as browsers send it
     * @param array<string, string> $headers      further fields of the request, by name
     * @param list<string>          $subprotocols what the server may choose from
     * @param array<string, mixed>  $tls          for wss: "SSL context options" of PHP's manual
     * @param float                 $timeout      seconds for connecting and the handshake, and
     *                                            for writing without any progress
     * @param float                 $keepAlive    seconds of silence after which the server is
     *                                            pinged, and then given up
     * @param int                   $maxFrame     the longest frame that is accepted, in bytes
     * @param int                   $maxMessage   the longest message that is accepted, in bytes
     * @param int                   $maxUnread    so many bytes may wait to be received until
     *                                            nothing more is read
     * @param int                   $fragment     longer messages are sent in frames of so many
     *                                            bytes
     */
    public function __construct(
        public ?string $origin = null,
        public array $headers = [],
        public array $subprotocols = [],
        public array $tls = [],
        public float $timeout = 10.0,
        public float $keepAlive = 30.0,
        public int $maxFrame = 16_777_216,
        public int $maxMessage = 16_777_216,
        public int $maxUnread = 67_108_864,
        public int $fragment = 1_048_576,
    ) {
    }
}
