<?php

declare(strict_types=1);

namespace Fantail\Drc;

/** Something that came: a command of a client, or what the server tells. */
final class Message
{
    /** What the server tells of the members of a channel: these come from 0. */
    public const JOINED = 'JOINED';
    public const LEFT = 'LEFT';
    public const SET_EXTRA = 'SET_EXTRA';

    /**
     * @param string               $command the command; empty for a refusal
     * @param int                  $from    the id of the client that sent it; 0: the server
     * @param ?Channel             $channel where; null if this client is not there any more
     * @param array<string, mixed> $data    what belongs to it; in what the server tells, 'id' says
     *                                      of whom
     * @param ?RefusedException    $refusal a command that was sent before cannot be delivered
     */
    private function __construct(
        public readonly string $command,
        public readonly int $from,
        public readonly ?Channel $channel,
        public readonly array $data,
        public readonly ?RefusedException $refusal = null,
    ) {
    }

    /**
     * @internal
     *
     * @param array<string, mixed> $message  as it came
     * @param list<Channel>        $channels where this client is
     */
    public static function of(array $message, array $channels): self
    {
        $here = null;
        foreach ($channels as $channel) {
            if ($channel->isJoined() && $channel->number() === ($message['channel'] ?? 0)) {
                $here = $channel;
            }
        }
        $refusal = ($message['success'] ?? false) === true ? null : RefusedException::of($message);
        $command = is_string($message['cmd'] ?? null) ? $message['cmd'] : '';
        $data = array_diff_key($message, ['channel' => 0, 'success' => 0, 'from' => 0, 'cmd' => 0]);
        return new self($command, (int) ($message['from'] ?? 0), $here, $data, $refusal);
    }

    /** Whether the server tells that another client has joined. */
    public function isJoin(): bool
    {
        return $this->from === 0 && $this->command === self::JOINED;
    }

    /** Whether the server tells that another client has left. */
    public function isLeave(): bool
    {
        return $this->from === 0 && $this->command === self::LEFT;
    }
}
