<?php

declare(strict_types=1);

namespace Fantail\MessageBroker;

/** Something that a channel got. */
final class Message
{
    /**
     * @param string       $channel as its sender wrote it
     * @param array<mixed> $data    its elements: one if it is acknowledged, or more
     * @param ?int         $id      the server's name for it, the same each time it comes; null if
     *                              it is not acknowledged
     */
    private function __construct(
        public readonly string $channel,
        public readonly array $data,
        public readonly ?int $id,
    ) {
    }

    /**
     * @internal
     *
     * @param array<string, mixed> $command as it came
     * @return ?self null if it is something else
     */
    public static function of(array $command): ?self
    {
        if (($command['command'] ?? null) !== 'send-message') {
            return null;
        }
        $channel = $command['channel'] ?? '';
        // Of senders who do not keep to the form, messages are passed on as they are.
        $data = $command['data'] ?? [];
        $id = $command['id'] ?? null;
        return new self(
            is_scalar($channel) ? (string) $channel : '',
            is_array($data) ? $data : [$data],
            is_int($id) ? $id : null,
        );
    }
}
