<?php

declare(strict_types=1);

namespace Fantail\MessageBroker;

/**
 * Commands, and how they are written.
 *
 * @internal
 */
final class Command
{
    private const FLAGS =
        JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION;

    /**
     * @param array<mixed> $data
     * @return array<string, mixed>
     */
    public static function send(string $channel, array $data, ?int $receivers, string|int|null $id): array
    {
        $command = ['command' => 'send-message', 'channel' => $channel, 'data' => $data];
        if ($receivers !== null) {
            $command['number_of_receiver'] = $receivers;
        }
        if ($id !== null) {
            $command['id'] = $id;
        }
        return $command;
    }

    /** @return array<string, mixed> */
    public static function receive(string $channel, bool $acknowledge): array
    {
        $command = ['command' => 'receive-message', 'channel' => $channel, 'data' => []];
        return $acknowledge ? $command + ['ack' => true] : $command;
    }

    /**
     * @param list<int> $ids
     * @return array<string, mixed>
     */
    public static function acknowledge(array $ids): array
    {
        return ['command' => 'ack', 'ids' => $ids];
    }

    /** @param array<string, mixed> $command */
    public static function encode(array $command): string
    {
        try {
            return json_encode($command, self::FLAGS);
        } catch (\JsonException $exception) {
            $reason = $exception->getMessage();
            throw new \InvalidArgumentException("This cannot be written as JSON: $reason", 0, $exception);
        }
    }

    /** @return array<string, mixed> empty if it is none */
    public static function decode(string $json): array
    {
        $command = json_decode($json, true, 512, JSON_BIGINT_AS_STRING);
        return is_array($command) ? $command : [];
    }
}
